package import HadalCore

/// A model on disk: its configuration, metadata and tensor directory, whatever its format.
///
/// Files are mapped and checked at once; tensor data are read only through `bytes(of:)`. Thread safety: immutable.
package final class ModelFiles: Sendable {
    package enum Kind: String, Sendable { case gguf, huggingFace }

    private enum Contents: Sendable {
        case gguf(GGUFShards)
        case huggingFace(HuggingFaceDirectory)
    }

    package let kind: Kind
    /// The path that was opened.
    package let path: String
    /// The weight files; `TensorInfo.shard` counts them.
    package let sources: [ByteSource]
    /// All readable tensors in file order.
    package let tensors: [TensorInfo]
    /// Tensors in types that are not read.
    package let unreadable: [UnreadableTensor]
    private let contents: Contents
    private let index: [ExactString: Int]
    private let unreadableIndex: [ExactString: Int]

    package convenience init(gguf: GGUFShards, path: String) throws {
        let tensors = gguf.files.enumerated().flatMap { number, file in file.tensors.map { $0.inShard(number) } }
        try self.init(.gguf(gguf), path, gguf.files.map(\.source), tensors, [])
    }

    package convenience init(huggingFace directory: HuggingFaceDirectory) throws {
        try self.init(
            .huggingFace(directory), directory.provider.directory, directory.shards.map(\.source), directory.tensors,
            directory.unreadable)
    }

    private init(
        _ contents: Contents, _ path: String, _ sources: [ByteSource], _ tensors: [TensorInfo], _ unreadable: [UnreadableTensor]
    ) throws {
        var index: [ExactString: Int] = [:]
        index.reserveCapacity(tensors.count)
        for (i, tensor) in tensors.enumerated() {
            if let other = index.updateValue(i, forKey: ExactString(tensor.name)) {
                throw HadalError(
                    .malformed, "the tensor is in two files: \(tensors[other].file) and \(tensor.file)", at: tensor.place)
            }
        }
        self.contents = contents
        self.path = path
        self.sources = sources
        self.tensors = tensors
        self.unreadable = unreadable
        self.index = index
        unreadableIndex = Dictionary(
            unreadable.enumerated().map { (ExactString($1.name), $0) }, uniquingKeysWith: { first, _ in first })
        if case .gguf = contents { kind = .gguf } else { kind = .huggingFace }
    }

    /// The parsed GGUF files, if this is a GGUF model.
    package var gguf: GGUFShards? { if case .gguf(let shards) = contents { shards } else { nil } }

    /// The directory, if this is a Hugging Face model.
    package var huggingFace: HuggingFaceDirectory? { if case .huggingFace(let directory) = contents { directory } else { nil } }

    /// `config.json` with the places of its values; nil for GGUF.
    package var configDocument: JSONDocument? { huggingFace?.config }

    /// The root object of `config.json`; nil for GGUF.
    package var config: JSON? { configDocument?.root }

    /// A GGUF metadata value; nil when absent, and always for a Hugging Face directory.
    package func metadata(_ key: String) -> MetadataValue? { gguf?.metadata(key) }

    /// Every GGUF metadata key in file order; empty for a Hugging Face directory.
    package var metadataKeys: [String] { gguf?.files.first?.entries.map(\.key) ?? [] }

    package var tensorNames: [String] { tensors.map(\.name) }

    /// A tensor's entry; nil if there is none of that name.
    /// - Throws: `unsupported`, naming the type, for a tensor in a type that is not read.
    package func tensor(named name: String) throws -> TensorInfo? {
        if let at = index[ExactString(name)] { return tensors[at] }
        if let at = unreadableIndex[ExactString(name)] { throw unreadable[at].error }
        return nil
    }

    /// A tensor's data in place, in its stored type. Valid as long as this object lives, or until it is discarded. Empty where the address
    /// space has no room for it: see `mappedBytes`.
    /// - Precondition: `tensor` comes from this model.
    package func bytes(of tensor: TensorInfo) -> UnsafeRawBufferPointer {
        (try? mappedBytes(of: tensor)) ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The same.
    /// - Throws: `outOfMemory` where the address space has no room for it.
    package func mappedBytes(of tensor: TensorInfo) throws -> UnsafeRawBufferPointer {
        try sources[tensor.shard].bytes(in: tensor.range)
    }

    /// A copy of the first bytes of a tensor's data.
    package func firstBytes(of tensor: TensorInfo, count: Int) -> [UInt8] {
        sources[tensor.shard].copy(tensor.range.prefix(count))
    }

    /// The same data as a range of an open file; nil for a model in memory.
    package func fileRange(of tensor: TensorInfo) -> FileRange? {
        sources[tensor.shard].descriptor.map {
            FileRange(descriptor: $0, offset: tensor.range.lowerBound, count: tensor.range.count)
        }
    }

    /// Tells the system that a tensor's data will be read soon.
    package func expect(_ tensor: TensorInfo) { sources[tensor.shard].expect(tensor.range) }

    /// Tells the system that a tensor's data will hardly be read again: the process's memory need not hold its pages. Pointers stay valid.
    package func release(_ tensor: TensorInfo) { sources[tensor.shard].release(tensor.range) }

    /// Tells the system that a tensor's data will not be read again soon. Pointers into it may end.
    package func discard(_ tensor: TensorInfo) { sources[tensor.shard].discard(tensor.range) }

    /// Bytes of all readable tensors together, as stored.
    package var totalBytes: Int { tensors.reduce(0) { $0 + $1.byteCount } }
}

/// A tensor's bytes as a range of an open file, for a backend that reads ranges itself.
package struct FileRange: Sendable, Equatable {
    /// Valid as long as the `ModelFiles` that gave it.
    package let descriptor: Int32
    package let offset: Int
    package let count: Int
}
