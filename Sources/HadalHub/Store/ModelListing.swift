package import HadalCore

/// What `hadal models` shows.
public struct ModelListing: Sendable, Equatable {
    public let directory: String
    public let installed: [InstalledModel]
    /// Catalogue models of which nothing is on disk.
    public let available: [CatalogueEntry]

    package var json: JSON {
        JSON(.object(JSONObject([
            ("directory", JSON(.string(directory))), ("installed", JSON(.array(installed.map(\.json)))),
            ("available", JSON(.array(available.map(\.json)))),
        ])))
    }
}
