import HadalCore

/// A table of rotary frequencies.
struct RopeSpec: Sendable {
    static let keys = [
        "type", "dim", "theta", "factor", "low_freq_factor", "high_freq_factor", "original_length", "max_length", "beta_fast",
        "beta_slow", "truncate", "mscale", "mscale_all_dim", "attention_factor", "scale", "short_factors", "long_factors",
        "short_factors_weight",
        "long_factors_weight", "factors_weight", "frequency",
    ]

    var name: String
    var fields: [String: Formula]
    var place: SourcePlace

    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        self.name = name
        place = document.place(of: json)
        var object = try JSONFields(json, in: document, what: "rope table '\(name)'")
        fields = [:]
        for key in Self.keys { fields[key] = try object.optional(key).map { try Formula($0, in: document) } }
        _ = object.optional("help")
        try object.finish()
        for key in ["dim", "theta"] where fields[key] == nil { throw object.fail("key '\(key)' is missing") }
    }

    /// What `frequency` counts with.
    static let index = "pair"

    var names: Set<String> { fields.values.reduce(into: Set()) { $0.formUnion($1.names) }.subtracting([Self.index]) }

    func oddDimension(_ dim: Int) -> HadalError {
        HadalError(.mismatch, "rope table '\(name)': dim is \(dim); it must be even", at: fields["dim"]?.place ?? place)
    }
}
