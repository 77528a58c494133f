import HadalCore

/// What a list of a cache directory says of the model whose state a folder holds. Not encrypted.
package struct CachedModel: Equatable, Sendable {
    private static let format = "hadal-cache/1"
    private static let mostBytes = 1 << 20

    package var name: String
    package var architecture: String
    /// As `--cache-type` names it.
    package var cacheType: String

    package init(name: String = "", architecture: String = "", cacheType: String = "") {
        (self.name, self.architecture, self.cacheType) = (name, architecture, cacheType)
    }

    /// Describes a folder, where it is not described so already.
    ///
    /// - Throws: `io`.
    func write(in folder: CacheFolder, identity: String) throws {
        let description: JSON = [
            "format": JSON(.string(Self.format)), "identity": JSON(.string(identity)), "model": JSON(.string(name)),
            "architecture": JSON(.string(architecture)), "cache_type": JSON(.string(cacheType)),
        ]
        let text = description.text(indent: 2) + "\n"
        let (path, bytes) = (folder.path(CacheFileName.descriptionName), Array(text.utf8))
        guard WholeFile.read(path, limit: Self.mostBytes) != bytes else { return }
        try WholeFile.write(bytes, to: path)
    }

    /// Reads what `write` wrote; nil if the file does not exist.
    static func read(in folder: CacheFolder) -> (model: CachedModel, identity: String)? {
        let path = folder.path(CacheFileName.descriptionName)
        guard let bytes = WholeFile.read(path, limit: mostBytes),
            let json = try? JSONDocument(parsing: String(decoding: bytes, as: UTF8.self), file: path).root,
            json["format"]?.string == format, let identity = json["identity"]?.string
        else { return nil }
        func text(_ key: String) -> String { json[key]?.string ?? "" }
        return (CachedModel(name: text("model"), architecture: text("architecture"), cacheType: text("cache_type")), identity)
    }
}
