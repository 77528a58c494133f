import HadalCore
import HadalGraph

/// A declared state.
struct StateSpec: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        /// A row of keys and a row of values for each head and token.
        case kv
        /// One row for each token.
        case latent
        /// Of fixed size, whatever the number of tokens.
        case recurrent
        /// Of fixed size: the last rows of something.
        case window

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
    /// Of a window.
    var rows: Formula?
    /// Of a recurrent state, `[heads, rows, width]`; those left out at the front are 1. Empty for the others.
    var shape: [Formula]
    var place: SourcePlace

    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        self.name = name
        place = document.place(of: json)
        var fields = try JSONFields(json, in: document, what: "state '\(name)'")
        func formula(_ key: String) throws -> Formula? { try fields.optional(key).map { try Formula($0, in: document) } }
        guard let kind = Kind(rawValue: try fields.string("kind")) else {
            throw fields.fail("'kind' must be kv, latent, recurrent or window", at: json["kind"])
        }
        self.kind = kind
        layers = try formula("layers")
        index = try fields.optionalString("index") ?? "layer"
        heads = try formula("heads")
        key = try formula("key")
        value = try formula("value")
        width = try formula("width")
        rows = try formula("rows")
        shape = try fields.optionalArray("shape")?.map { try Formula($0, in: document) } ?? []
        _ = fields.optional("help")
        try fields.finish()
        let given = [
            ("heads", heads != nil), ("key", key != nil), ("value", value != nil), ("width", width != nil), ("rows", rows != nil),
            ("shape", !shape.isEmpty),
        ].filter(\.1).map(\.0)
        let (wanted, text) =
            switch kind {
            case .kv: (["heads", "key", "value"], "a kv state has 'heads', 'key' and 'value'")
            case .latent: (["width"], "a latent state has 'width' alone")
            case .recurrent: (["shape"], "a recurrent state has 'shape' alone")
            case .window: (["width", "rows"], "a window has 'rows' and 'width'")
            }
        guard given == wanted else { throw fields.fail(text) }
        guard shape.count <= 3 else { throw fields.fail("'shape' is [heads, rows, width]", at: json["shape"]) }
    }

    /// What it is to an op: one for each state of the graph.
    var contractKinds: [OpContract.State.Kind] {
        switch kind {
        case .kv: [.tokens, .tokens]
        case .latent: [.tokens]
        case .recurrent: [.recurrent]
        case .window: [.window]
        }
    }

    var formulas: [Formula] { [layers, heads, key, value, width, rows].compactMap { $0 } + shape }
}
