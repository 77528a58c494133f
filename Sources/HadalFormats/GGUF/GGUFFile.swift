import HadalCore

/// One GGUF file: its metadata and its tensor directory. No tensor data is read.
///
/// Reads versions 2 and 3, little endian. Source: the GGUF specification in the ggml repository, `docs/gguf.md`.
package struct GGUFFile: Sendable {
    package struct Entry: Sendable {
        package let key: String
        package let value: MetadataValue
    }

    package static let magic: [UInt8] = Array("GGUF".utf8)
    package static let defaultAlignment = 32
    static let maximumAlignment = 1 << 20
    static let maximumNameLength = 65_535
    static let maximumDimensions = 4
    /// Of tensors and of metadata entries.
    static let maximumCount = 1 << 20

    package let source: ByteSource
    package let version: UInt32
    package let alignment: Int
    /// In file order.
    package let entries: [Entry]
    /// In file order; `shard` is 0.
    package let tensors: [TensorInfo]
    /// Where tensor data starts. At the file's end when there is none.
    package let dataOffset: Int
    private let index: [ExactString: Int]

    package func metadata(_ key: String) -> MetadataValue? { index[ExactString(key)].map { entries[$0].value } }

    package static func hasMagic(_ source: ByteSource) -> Bool {
        withExtendedLifetime(source) { source.bytes.prefix(4).elementsEqual(magic) }
    }

    package init(path: String) throws { try self.init(source: ByteSource(path: path)) }

    /// - Throws: `malformed`, `unsupported` or `limitExceeded`, with the byte offset of the field at fault.
    package init(source: ByteSource) throws {
        var reader = ByteReader(source)
        let version = try Self.header(&reader)
        let (tensorCount, entryCount) = try Self.counts(&reader)

        var entries: [Entry] = []
        var index: [ExactString: Int] = [:]
        for i in 0..<entryCount {
            let at = reader.offset
            let key = try reader.name("metadata key \(i)", limit: Self.maximumNameLength)
            guard index.updateValue(i, forKey: ExactString(key)) == nil else {
                throw reader.fail(.malformed, "metadata key '\(key)' appears twice", at: at)
            }
            entries.append(Entry(key: key, value: try GGUFMetadataParser.value(&reader, key: key)))
        }
        let alignment = try Self.alignment(index["general.alignment"].map { entries[$0].value }, source)

        let directory = try GGUFTensorDirectory(&reader, count: tensorCount, alignment: alignment)
        self.source = source
        self.version = version
        self.alignment = alignment
        self.entries = entries
        self.index = index
        tensors = directory.tensors
        dataOffset = directory.dataOffset
    }

    private static func header(_ reader: inout ByteReader) throws -> UInt32 {
        guard hasMagic(reader.source) else {
            let first = withExtendedLifetime(reader.source) { FirstBytes.describe(reader.source.bytes) }
            throw reader.fail(.malformed, "not a GGUF file: it should start with \"GGUF\" but starts with \(first)", at: 0)
        }
        _ = try reader.skip(4, "magic")
        let version = try reader.integer(UInt32.self, "version")
        switch version {
        case 2, 3: return version
        case 1:
            throw reader.fail(
                .unsupported, "this is GGUF version 1; versions 2 and 3 are read", at: 4,
                hint: "convert the model again with a current converter")
        default:
            if (1...3).contains(version.byteSwapped) {
                throw reader.fail(
                    .unsupported, "this is a big-endian GGUF file (version \(version.byteSwapped)); only little-endian files are read",
                    at: 4)
            }
            throw reader.fail(.unsupported, "this is GGUF version \(version); versions 2 and 3 are read", at: 4)
        }
    }

    /// Both counts, bounded by what the rest of the file could hold, before anything is allocated for them.
    private static func counts(_ reader: inout ByteReader) throws -> (tensors: Int, entries: Int) {
        let tensorCount = try reader.integer(UInt64.self, "tensor count")
        let entryCount = try reader.integer(UInt64.self, "metadata count")
        // The least a metadata entry takes: key length, type, a one-byte value. A tensor: name length, dimension count,
        // type, offset.
        for (what, count, size, at) in [("metadata entries", entryCount, 13, 16), ("tensors", tensorCount, 24, 8)] {
            let most = reader.remaining / size
            guard count <= UInt64(most) else {
                throw reader.fail(
                    .malformed,
                    "the header claims \(count) \(what); the \(reader.source.count) bytes of the file hold at most \(most)",
                    at: at, hint: "the file is cut short or damaged")
            }
            guard count <= UInt64(maximumCount) else {
                throw reader.fail(.limitExceeded, "the header claims \(count) \(what); the limit is \(maximumCount)", at: at)
            }
        }
        return (Int(tensorCount), Int(entryCount))
    }

    private static func alignment(_ value: MetadataValue?, _ source: ByteSource) throws -> Int {
        guard let value else { return defaultAlignment }
        let place = SourcePlace(source.name, .field("general.alignment"))
        guard let alignment = value.int else {
            throw HadalError(.malformed, "general.alignment is \(value.type), not an integer", at: place)
        }
        guard alignment > 0, alignment & (alignment - 1) == 0, alignment <= maximumAlignment else {
            throw HadalError(
                .malformed, "general.alignment is \(alignment); it must be a power of two of at most \(maximumAlignment)", at: place)
        }
        return alignment
    }
}

private extension Dictionary where Key == ExactString {
    subscript(key: String) -> Value? { self[ExactString(key)] }
}
