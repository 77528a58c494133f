import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The directory in which models are kept, one sub-directory for each name: `<store>/<name>/<file>`.
///
/// A user may put models in by hand. Thread safety: a value; files are changed under a lock on the model's directory.
public struct ModelStore: Sendable {
    /// What a file that is not complete ends in.
    package static let partialSuffix = ".part"
    /// The user's own catalogue, inside the store.
    package static let catalogueFile = "catalogue.json"

    /// Absolute or relative to the working directory; it need not exist yet.
    public let directory: String
    package let catalogue: ModelCatalogue

    package init(directory: String, catalogue: ModelCatalogue) {
        self.directory = directory
        self.catalogue = catalogue
    }

    /// A store with the built-in catalogue and the store's own `catalogue.json` merged over it.
    ///
    /// - Parameter directory: nil for the user's own store, see `defaultDirectory`.
    /// - Throws: for a catalogue that cannot be read, with the place in it.
    public init(directory: String? = nil) throws {
        let directory = try directory ?? Self.defaultDirectory()
        var catalogue = try ModelCatalogue.builtIn()
        let own = "\(directory)/\(Self.catalogueFile)"
        if FileBytes.status(own) != nil { try catalogue.merge(JSONDocument(contentsOf: own, rejectDuplicateKeys: true)) }
        self.init(directory: directory, catalogue: catalogue)
    }

    /// `HADAL_MODELS`, else `$XDG_DATA_HOME/hadal/models`, else `~/.local/share/hadal/models`. Empty variables count as unset.
    public static func defaultDirectory() throws -> String { try defaultDirectory(environment: environment) }

    package static func defaultDirectory(environment: (String) -> String?) throws -> String {
        func set(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        if let own = set("HADAL_MODELS") { return trimmed(own) }
        // The base directory specification tells readers to ignore a relative path here.
        if let data = set("XDG_DATA_HOME"), data.hasPrefix("/") { return trimmed(data) + "/hadal/models" }
        if let home = set("HOME") { return trimmed(home) + "/.local/share/hadal/models" }
        throw HadalError(.notFound, "there is no directory for models: HADAL_MODELS, XDG_DATA_HOME and HOME are all unset")
    }

    private static let environment: @Sendable (String) -> String? = { name in getenv(name).map { String(cString: $0) } }

    private static func trimmed(_ path: String) -> String {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return path == "/" ? "" : String(path)
    }

    func directory(of name: String) -> String { "\(directory)/\(name)" }
    func path(of file: CatalogueFile, in entry: CatalogueEntry) -> String { "\(directory)/\(entry.name)/\(file.name)" }

    /// The entry of a name.
    /// - Throws: `notFound`, listing the names that there are.
    func entry(named name: String) throws -> CatalogueEntry {
        if let entry = catalogue[name] { return entry }
        throw HadalError(
            .notFound, "there is no model '\(name)' in the catalogue",
            hint: catalogue.names.isEmpty ? "the catalogue is empty" : "names: \(catalogue.names.joined(separator: ", "))")
    }
}
