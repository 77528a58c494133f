import HadalCore

/// What stands in front of a block's pieces, and so where they lie. Integers are little-endian.
///
/// ```
///   0  64      the prefix, never encrypted: `BlockPrefix`
///  64  32      SHA-256 of the identity
///  96  32      the block's key
/// 128  32      its parent's
/// 160  4 n     tokens
///      8 p     bytes of each piece
///      16      tag of all above
///              then each piece with its tag behind it
/// ```
///
/// The pieces are the rows of the model's states, and then, in some blocks, a snapshot of states that have no rows.
struct BlockHeader: Equatable, Sendable {
    /// More than any block has: what a damaged file may make a reader believe is bounded.
    static let mostTokens = 1 << 20
    static let mostPieces = 1 << 20

    let identity: [UInt8]
    let key: [UInt8]
    let parent: [UInt8]
    let tokens: [Int32]
    let sizes: [Int]
    /// Whether the last piece is a snapshot.
    let hasSnapshot: Bool

    /// - Parameters:
    ///   - identity: a hash of it, 32 bytes.
    ///   - sizes: bytes of each piece but the snapshot.
    ///   - snapshot: its bytes; nil: there is none.
    init(identity: [UInt8], key: BlockKey, parent: BlockKey, tokens: [Int32], sizes: [Int], snapshot: Int? = nil) {
        (self.identity, self.key, self.parent, self.tokens) = (identity, key.bytes, parent.bytes, tokens)
        (self.sizes, hasSnapshot) = (sizes + (snapshot.map { [$0] } ?? []), snapshot != nil)
    }

    /// What follows the prefix.
    var body: [UInt8] {
        var bytes = identity + key + parent
        bytes.reserveCapacity(Self.bodyBytes(tokens: tokens.count, pieces: sizes.count))
        for token in tokens { bytes.append(littleEndian: token) }
        for size in sizes { bytes.append(littleEndian: UInt64(size)) }
        return bytes
    }

    /// Reads what `body` makes.
    ///
    /// - Returns: nil where lengths are not those of a block.
    init?(body: UnsafeRawBufferPointer, prefix: BlockPrefix) {
        guard body.count == Self.bodyBytes(tokens: prefix.tokens, pieces: prefix.pieces) else { return nil }
        identity = Array(body[0..<32])
        key = Array(body[32..<64])
        parent = Array(body[64..<96])
        tokens = (0..<prefix.tokens).map { Int32(littleEndian: body.loadUnaligned(fromByteOffset: 96 + 4 * $0, as: Int32.self)) }
        let start = 96 + 4 * prefix.tokens
        let sizes = (0..<prefix.pieces).compactMap {
            Int(exactly: UInt64(littleEndian: body.loadUnaligned(fromByteOffset: start + 8 * $0, as: UInt64.self)))
        }
        guard sizes.count == prefix.pieces else { return nil }
        (self.sizes, hasSnapshot) = (sizes, prefix.hasSnapshot)
    }

    /// Whether a block with this header is the one that was asked for, if need be without its snapshot.
    func matches(_ wanted: BlockHeader) -> Bool {
        guard identity == wanted.identity, key == wanted.key, parent == wanted.parent, tokens == wanted.tokens else { return false }
        return wanted.hasSnapshot == hasSnapshot ? sizes == wanted.sizes : hasSnapshot && sizes.dropLast() == wanted.sizes[...]
    }

    private static func bodyBytes(tokens: Int, pieces: Int) -> Int { 96 + 4 * tokens + 8 * pieces }

    /// Of the whole header, its tag included.
    static func bytes(tokens: Int, pieces: Int) -> Int {
        BlockPrefix.bytes + bodyBytes(tokens: tokens, pieces: pieces) + SectionCodec.tagBytes
    }

    var bytes: Int { Self.bytes(tokens: tokens.count, pieces: sizes.count) }

    /// Of the whole file; nil for a block that no file holds.
    var fileBytes: Int? {
        guard tokens.count <= Self.mostTokens, sizes.count <= Self.mostPieces else { return nil }
        var sum = bytes
        for size in sizes {
            guard size >= 0, size <= Int32.max else { return nil }
            sum += size + SectionCodec.tagBytes
        }
        return sum
    }
}

extension [UInt8] {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
