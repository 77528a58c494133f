import HadalCore

/// How a block's file begins: what is needed to read the rest. Integers are little-endian.
///
/// ```
///  0  8    "hadalblk"
///  8  4    version: 1, or 2 when the last piece is a snapshot
/// 12  4    1: sealed, 0: not
/// 16  32   salt: random, makes the key of the file's sections
/// 48  4    n, the number of tokens
/// 52  4    p, the number of pieces
/// 56  8    bytes of the file
/// ```
struct BlockPrefix: Equatable, Sendable {
    static let bytes = 64
    private static let magic = Array("hadalblk".utf8)
    private static let version: UInt32 = 1
    private static let snapshotVersion: UInt32 = 2

    let isSealed: Bool
    let hasSnapshot: Bool
    let salt: [UInt8]
    let tokens: Int
    let pieces: Int
    let fileBytes: Int

    /// - Returns: nil for a block that no file holds.
    init?(of header: BlockHeader, sealed: Bool, salt: [UInt8]) {
        guard let fileBytes = header.fileBytes else { return nil }
        (isSealed, self.salt, self.fileBytes) = (sealed, salt, fileBytes)
        hasSnapshot = header.hasSnapshot
        (tokens, pieces) = (header.tokens.count, header.sizes.count)
    }

    /// Bytes of the header that it begins.
    var headerBytes: Int { BlockHeader.bytes(tokens: tokens, pieces: pieces) }

    /// A salt for a new file.
    static func randomSalt() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).flatMap { _ in withUnsafeBytes(of: generator.next(), Array.init) }
    }

    var encoded: [UInt8] {
        var bytes = Self.magic
        bytes.append(littleEndian: hasSnapshot ? Self.snapshotVersion : Self.version)
        bytes.append(littleEndian: UInt32(isSealed ? 1 : 0))
        bytes += salt
        bytes.append(littleEndian: UInt32(tokens))
        bytes.append(littleEndian: UInt32(pieces))
        bytes.append(littleEndian: UInt64(fileBytes))
        return bytes
    }

    /// Reads what `encoded` makes.
    ///
    /// - Returns: nil for anything else.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.bytes, bytes.prefix(8).elementsEqual(Self.magic) else { return nil }
        func word(_ offset: Int) -> UInt32 { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 56, as: UInt64.self))
        guard [Self.version, Self.snapshotVersion].contains(word(8)), word(12) <= 1, word(48) <= BlockHeader.mostTokens,
            word(52) <= BlockHeader.mostPieces,
            let fileBytes = Int(exactly: length)
        else { return nil }
        (isSealed, salt, self.fileBytes) = (word(12) == 1, Array(bytes[16..<48]), fileBytes)
        (tokens, pieces) = (Int(word(48)), Int(word(52)))
        hasSnapshot = word(8) == Self.snapshotVersion
        guard pieces > 0 || !hasSnapshot else { return nil }
    }

    /// The prefix of a block's file; nil: it is none.
    init?(of file: OpenFile) {
        let prefix: BlockPrefix? = withUnsafeTemporaryAllocation(byteCount: Self.bytes, alignment: 8) { buffer in
            guard let base = buffer.baseAddress, SystemIO.read(file.descriptor, at: 0, into: base, count: Self.bytes) == .complete else {
                return nil
            }
            return BlockPrefix(UnsafeRawBufferPointer(buffer))
        }
        guard let prefix else { return nil }
        self = prefix
    }
}
