import HadalCore

/// A GGUF model: one file, or all the shards of a split one in order.
package struct GGUFShards: Sendable {
    static let maximumCount = 10_000

    package let files: [GGUFFile]

    /// Metadata as the first shard has it; the others carry only their own `split.*` keys.
    package func metadata(_ key: String) -> MetadataValue? { files.first?.metadata(key) }

    /// Opens a file and, when it is one of a split model, all its siblings.
    /// - Throws: `notFound` naming a missing shard; whatever `GGUFFile` throws.
    package init(path: String) throws {
        let opened = try GGUFFile(path: path)
        guard let (number, count) = try Self.split(of: opened) else {
            try self.init(files: [opened])
            return
        }
        guard let name = GGUFShardName(path: path) else {
            throw HadalError(
                .malformed,
                "this is shard \(number + 1) of \(count), but its name does not end in -NNNNN-of-NNNNN.gguf, so its siblings cannot be found",
                at: SourcePlace(path, .field("split.count")), hint: "give the shards their original names")
        }
        guard name.count == count, name.number == number + 1 else {
            throw HadalError(
                .mismatch, "the name says shard \(name.number) of \(name.count), the metadata say shard \(number + 1) of \(count)",
                at: SourcePlace(path, .field("split.no")))
        }
        var all: [GGUFFile] = []
        for i in 1...count {
            let sibling = Self.existing(name.path(of: i))
            if i == name.number {
                all.append(opened)
                continue
            }
            do {
                all.append(try GGUFFile(path: sibling))
            } catch let error as HadalError where error.code == .notFound {
                throw HadalError(
                    .notFound, "shard \(i) of \(count) is missing: \(sibling)", at: SourcePlace(path),
                    hint: "put all \(count) shards into one directory")
            }
        }
        try self.init(files: all)
    }

    /// A path, or that of a file there whose name differs in capitals alone.
    private static func existing(_ path: String) -> String {
        let slash = path.lastIndex(of: "/")
        let provider = FileProvider(directory: slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
        let name = String(slash.map { path[path.index(after: $0)...] } ?? path[...])
        guard !provider.exists(name), let other = provider.names.first(where: { $0.lowercased() == name.lowercased() }) else { return path }
        return provider.path(other)
    }

    /// Checks that files are all the shards of one model, in order.
    package init(files: [GGUFFile]) throws {
        guard let first = files.first else { throw HadalError(.invalidArgument, "a model of no files") }
        let isSplit = try Self.split(of: first) != nil
        if files.count > 1 || isSplit {
            for (i, file) in files.enumerated() {
                let place = SourcePlace(file.source.name, .field("split.count"))
                guard let (number, count) = try Self.split(of: file) else {
                    throw HadalError(
                        .mismatch, "shard \(i + 1) of \(files.count) does not say that it is one: it has no split.count", at: place)
                }
                guard count == files.count, number == i else {
                    throw HadalError(
                        .mismatch, "expected shard \(i + 1) of \(files.count), the metadata say shard \(number + 1) of \(count)", at: place)
                }
            }
        }
        let total = files.reduce(0) { $0 + $1.tensors.count }
        if let claimed = first.metadata("split.tensors.count")?.int, claimed != total {
            throw HadalError(
                .mismatch, "split.tensors.count is \(claimed), the \(files.count) shards hold \(total) tensors",
                at: SourcePlace(first.source.name, .field("split.tensors.count")))
        }
        self.files = files
    }

    /// The 0-based number and the count of a shard; nil for a file that is whole.
    private static func split(of file: GGUFFile) throws -> (number: Int, count: Int)? {
        guard let value = file.metadata("split.count") else { return nil }
        let place = SourcePlace(file.source.name, .field("split.count"))
        guard let count = value.int, (0...maximumCount).contains(count) else {
            throw HadalError(
                .malformed, "split.count is \(value.int.map(String.init) ?? "\(value.type)"); it must be 0 to \(maximumCount)", at: place)
        }
        guard count > 1 else { return nil }
        guard let number = file.metadata("split.no")?.int, (0..<count).contains(number) else {
            let found = file.metadata("split.no").map { $0.int.map(String.init) ?? "\($0.type)" } ?? "absent"
            throw HadalError(
                .malformed, "split.no is \(found); with split.count \(count) it must be 0 to \(count - 1)",
                at: SourcePlace(file.source.name, .field("split.no")))
        }
        return (number, count)
    }
}
