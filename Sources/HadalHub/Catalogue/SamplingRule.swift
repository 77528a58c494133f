import HadalCore

/// What is recommended for models by their name, wherever their files came from.
package struct SamplingRule: Sendable, Equatable {
    /// Parts of names in lower case, with '-' for spaces and underscores.
    package let names: [String]
    package let sampling: RecommendedSampling

    init(_ json: JSON, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "recommendation")
        names = try fields.array("names").map { item in
            guard let name = item.string, !name.isEmpty else { throw fields.fail("'names' holds parts of names", at: item) }
            return Self.normalised(name)
        }
        sampling = try RecommendedSampling(try fields.required("sampling"), in: document, what: "models by name")
        try fields.finish()
    }

    /// Whether one of a model's names has one of the parts.
    package func applies(to modelNames: [String]) -> Bool {
        modelNames.contains { model in
            let model = Self.normalised(model)
            return names.contains { part in model.contains(part) }
        }
    }

    private static func normalised(_ name: String) -> String {
        String(name.lowercased().map { $0 == " " || $0 == "_" ? "-" : $0 })
    }
}
