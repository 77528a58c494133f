/// `keys()`, `values()` or `items()` of a dictionary.
final class TemplateDictionaryView: TemplateObject {
    enum Kind: String { case keys = "dict_keys", values = "dict_values", items = "dict_items" }
    let kind: Kind
    let dictionary: TemplateDictionary
    init(_ kind: Kind, of dictionary: TemplateDictionary) {
        self.kind = kind
        self.dictionary = dictionary
    }
    var items: [TemplateValue] {
        switch kind {
        case .keys: dictionary.keys
        case .values: dictionary.values
        case .items: zip(dictionary.keys, dictionary.values).map { .tuple([$0, $1]) }
        }
    }
    override var typeName: String { kind.rawValue }
    override var depth: Int { dictionary.depth + 1 }
    override var isTrue: Bool { dictionary.count > 0 }
    override var isIterable: Bool { true }
    override func makeIterator(_ run: TemplateRun) throws -> TemplateIterator? {
        guard kind == .items else { return TemplateIterator(items) }
        let (keys, values) = (dictionary.keys, dictionary.values)
        var at = 0
        return TemplateIterator {
            guard at < keys.count else { return nil }
            defer { at += 1 }
            return .tuple([keys[at], values[at]])
        }
    }
    override func count() throws -> Int? { dictionary.count }
}
