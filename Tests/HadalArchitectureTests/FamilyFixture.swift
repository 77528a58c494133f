import HadalArchitecture
import HadalCore
import HadalGraph

/// The built-in descriptions and ops, and what suites of families build with them.
struct FamilyFixture {
    let library: ArchitectureLibrary
    let catalogue: OpCatalogue

    /// - Parameter directories: descriptions that come before the built-in ones.
    init(directories: [String] = []) throws {
        library = try ArchitectureLibrary(directories: directories)
        catalogue = try OpCatalogue.load()
    }

    /// The graph of a model.
    func build(_ source: any ModelSource) throws -> ModelGraph { try library.match(source).build(source, catalogue: catalogue) }

    /// The graph of a model of which there is only a configuration.
    func build(_ config: String) throws -> ModelGraph {
        try build(PlannedModel(configuration: JSONDocument(parsing: config, file: "config.json")))
    }
}
