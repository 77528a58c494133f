/// A mutable bag of attributes, which `set name.attribute = …` writes to.
final class TemplateNamespace: TemplateObject {
    private(set) var attributes: TemplateDictionary
    init(_ attributes: TemplateDictionary) { self.attributes = attributes }
    override var typeName: String { "Namespace" }
    override func attribute(_ name: String) -> TemplateValue? { attributes.get(name) }
    func set(_ name: String, _ value: TemplateValue) { attributes.set(name, value) }
    /// Breaks reference cycles when the rendering is over.
    func clear() { attributes = TemplateDictionary() }
}
