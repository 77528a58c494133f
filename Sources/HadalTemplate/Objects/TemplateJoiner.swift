/// `joiner(…)`: nothing on its first call, its separator afterwards.
final class TemplateJoiner: TemplateObject {
    private let separator: TemplateValue
    private var isUsed = false
    init(_ separator: TemplateValue) { self.separator = separator }
    override var typeName: String { "Joiner" }
    override var depth: Int { 1 + separator.depth }
    override var isCallable: Bool { true }
    override func attribute(_ name: String) -> TemplateValue? { name == "sep" ? separator : name == "used" ? .bool(isUsed) : nil }
    override func call(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue? {
        defer { isUsed = true }
        return isUsed ? separator : .string("")
    }
}

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
