import HadalCore

/// A declared cache.
struct StateSpec: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        /// A row of keys and a row of values for each head.
        case kv
        /// One row.
        case latent
    }

    var name: String
    var kind: Kind
    /// How many there are; absent: one, without an index.
    var layers: Formula?
    var index: String
    var heads: Formula?
    var key: Formula?
    var value: Formula?
    var width: Formula?
    var place: SourcePlace

    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        self.name = name
        place = document.place(of: json)
        var fields = try JSONFields(json, in: document, what: "state '\(name)'")
        func formula(_ key: String) throws -> Formula? { try fields.optional(key).map { try Formula($0, in: document) } }
        guard let kind = Kind(rawValue: try fields.string("kind")) else {
            throw fields.fail("'kind' must be kv or latent", at: json["kind"])
        }
        self.kind = kind
        layers = try formula("layers")
        index = try fields.optionalString("index") ?? "layer"
        heads = try formula("heads")
        key = try formula("key")
        value = try formula("value")
        width = try formula("width")
        _ = fields.optional("help")
        try fields.finish()
        switch kind {
        case .kv where heads == nil || key == nil || value == nil || width != nil:
            throw fields.fail("a kv state has 'heads', 'key' and 'value'")
        case .latent where width == nil || heads != nil || key != nil || value != nil:
            throw fields.fail("a latent state has 'width' alone")
        default: break
        }
    }

    var formulas: [Formula] { [layers, heads, key, value, width].compactMap { $0 } }
}
