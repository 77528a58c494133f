package import HadalCore

/// A model as the store holds it.
public struct InstalledModel: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        /// Every file is there in its full length.
        case complete
        /// A download was broken off; `pull` goes on with it.
        case partial
        /// A file's length is not the catalogue's.
        case wrongLength
    }

    public let name: String
    public let directory: String
    /// What `resolve` gives; nil unless complete.
    public let path: String?
    /// Bytes on disk, of `expectedBytes` when the catalogue knows the model.
    public let bytes: Int
    public let expectedBytes: Int?
    public let state: State
    /// Whether the checksums were found right and the files have not changed since.
    public let isVerified: Bool
    /// The catalogue's entry; nil for a model that was put in by hand under a name of its own.
    public let entry: CatalogueEntry?

    package var json: JSON {
        let state =
            switch self.state {
            case .complete: "complete"
            case .partial: "partial"
            case .wrongLength: "wrong_length"
            }
        return JSON(
            .object(
                JSONObject([
                    ("name", JSON(.string(name))), ("directory", JSON(.string(directory))),
                    ("path", path.map { JSON(.string($0)) } ?? .null),
                    ("bytes", JSON(.int(Int64(bytes)))), ("expected_bytes", expectedBytes.map { JSON(.int(Int64($0))) } ?? .null),
                    ("state", JSON(.string(state))), ("verified", JSON(.bool(isVerified))), ("catalogue", entry?.json ?? .null),
                ])))
    }
}

/// What `hadal models` shows.
public struct ModelListing: Sendable, Equatable {
    public let directory: String
    public let installed: [InstalledModel]
    /// Catalogue models of which nothing is on disk.
    public let available: [CatalogueEntry]

    package var json: JSON {
        JSON(
            .object(
                JSONObject([
                    ("directory", JSON(.string(directory))), ("installed", JSON(.array(installed.map(\.json)))),
                    ("available", JSON(.array(available.map(\.json)))),
                ])))
    }
}
