package import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The models that `pull` knows by name: the built-in list, with the user's own merged over it.
package struct ModelCatalogue: Sendable {
    /// In the order in which the files list them.
    package private(set) var entries: [CatalogueEntry]
    /// Recommendations for models that are no entry, the first that applies counting.
    package private(set) var samplingRules: [SamplingRule] = []

    package init(entries: [CatalogueEntry] = []) { self.entries = entries }

    package subscript(name: String) -> CatalogueEntry? { entries.first { $0.name == name } }

    package var names: [String] { entries.map(\.name) }

    package var json: JSON { JSON(.array(entries.map(\.json))) }

    /// Where the built-in list may lie: beside the binary as SwiftPM lays resources out, then as an install lays them out.
    package static let builtInCandidates = [
        "\(Installation.directory)/hadal_HadalHub.resources/Resources/catalogue.json",
        "\(Installation.directory)/catalogue.json",
        "\(Installation.directory)/../share/hadal/catalogue.json",
    ]

    /// The built-in list.
    /// - Throws: `notFound` when the installation has lost it.
    package static func builtIn() throws -> ModelCatalogue {
        guard let path = builtInCandidates.first(where: { access($0, R_OK) == 0 }) else {
            throw HadalError(
                .notFound, "the model catalogue is not beside the program", at: SourcePlace(builtInCandidates[0]),
                hint: "the installation is incomplete; a path to a model still works")
        }
        var catalogue = ModelCatalogue()
        try catalogue.merge(JSONDocument(contentsOf: path, rejectDuplicateKeys: true))
        return catalogue
    }

    /// Puts another list over this one: an entry replaces the one of its name, `null` takes it away.
    package mutating func merge(_ document: JSONDocument) throws {
        var fields = try JSONFields(document.root, in: document, what: "model catalogue")
        let version = try fields.string("hadal")
        guard version == "catalogue/1" else {
            throw fields.fail("'hadal' is \"\(version)\"; this build reads \"catalogue/1\"", at: document.root["hadal"], code: .unsupported)
        }
        let models = try fields.required("models")
        let rules = try (fields.optionalArray("recommendations") ?? []).map { try SamplingRule($0, in: document) }
        try fields.finish()
        guard let object = models.object else { throw fields.fail("'models' must be an object, not \(models.kindName)", at: models) }
        samplingRules = rules + samplingRules
        for member in object.members {
            let at = entries.firstIndex { $0.name == member.key }
            if member.value.isNull {
                if let at { entries.remove(at: at) }
                continue
            }
            let entry = try CatalogueEntry(name: member.key, member.value, in: document)
            if let at { entries[at] = entry } else { entries.append(entry) }
        }
    }
}
