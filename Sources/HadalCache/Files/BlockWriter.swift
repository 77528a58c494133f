import HadalCore

/// Writes files of blocks. One thread at a time.
final class BlockWriter {
    private let codecs: SectionCodecs
    private var buffer: [UInt8] = []

    /// - Parameter sealed: what most blocks are.
    /// - Throws: `unsupported` where libcrypto lacks an algorithm.
    init(sealed: Bool) throws { codecs = try SectionCodecs(sealed: sealed) }

    /// Writes a block under a temporary name and gives it its own when it is complete.
    ///
    /// - Throws: `io`; `invalidArgument` for a block that no file holds; `unsupported` where libcrypto lacks an algorithm.
    func write(_ pieces: [[UInt8]], header: BlockHeader, under keys: SealingKeys, to path: String) throws {
        let codec = try codecs.codec(sealed: keys.isSealed)
        guard let prefix = BlockPrefix(of: header, sealed: keys.isSealed, salt: BlockPrefix.randomSalt()) else {
            throw HadalError(.invalidArgument, "a block of this shape cannot be written", at: SourcePlace(path))
        }
        let key = keys.fileKey(salt: prefix.salt)
        let start = prefix.encoded
        let file = try AtomicFile(path: path, mode: 0o600, ignoringMask: true, durable: false)
        try file.write(start)
        try write(header.body, codec, section: 0, key: key, associated: start, to: file)
        for (index, piece) in pieces.enumerated() { try write(piece, codec, section: index + 1, key: key, associated: [], to: file) }
        try file.commit()
    }

    private func write(
        _ bytes: [UInt8], _ codec: SectionCodec, section: Int, key: [UInt8], associated: [UInt8], to file: AtomicFile
    ) throws {
        buffer.removeAll(keepingCapacity: true)
        buffer.append(contentsOf: bytes)
        let tag = buffer.withUnsafeMutableBytes { buffer in
            associated.withUnsafeBytes { codec.seal(buffer, section: section, of: key, associated: $0) }
        }
        guard let tag else { throw HadalError(.unsupported, "libcrypto failed to protect a block", at: SourcePlace(file.path)) }
        try file.write(buffer)
        try file.write(tag)
    }
}
