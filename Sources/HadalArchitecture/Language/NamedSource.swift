import HadalCore

/// Ways in which a weight may be stored that several weights share: an entry of `sources`.
///
/// In each format, the first whose tensors the model has is used.
struct NamedSource: Sendable {
    var name: String
    var safetensors: [WeightSpec.Part]
    var gguf: [WeightSpec.Part]
    var place: SourcePlace

    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        self.name = name
        place = document.place(of: json)
        var fields = try JSONFields(json, in: document, what: "source '\(name)'")
        let what = fields.what
        func parts(_ key: String) throws -> [WeightSpec.Part] {
            let items = try fields.optionalArray(key) ?? []
            guard items.count <= 16 else { throw fields.fail("'\(key)' lists at most 16 sources") }
            return try items.map { try WeightSpec.Part($0, in: document, what: what, depth: 1) }
        }
        safetensors = try parts("safetensors")
        gguf = try parts("gguf")
        _ = fields.optional("help")
        try fields.finish()
    }
}
