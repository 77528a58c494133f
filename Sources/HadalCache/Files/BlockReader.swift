import HadalCore

/// Reads files of blocks through a buffer that stays in the second level of caches. Nothing is handed out before it was verified.
///
/// One thread at a time.
final class BlockReader: @unchecked Sendable {
    /// Half of what a core of today has. A larger piece is read whole nevertheless.
    private static let usualBytes = 512 << 10

    /// What reading a file came to.
    enum End: Equatable, Sendable {
        case complete
        /// There is none, or none that may be opened.
        case absent
        /// It has no snapshot, and one was asked for.
        case withoutSnapshot
        /// It is not the block that was asked for, or not all of it.
        case invalid
    }

    private let keys: SealingKeys
    private let codecs: SectionCodecs
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: BlockReader.usualBytes, alignment: 4096)

    /// - Parameter keys: those of blocks that have no others.
    /// - Throws: `unsupported` where libcrypto lacks an algorithm.
    init(_ keys: SealingKeys) throws {
        self.keys = keys
        codecs = try SectionCodecs(sealed: keys.isSealed)
    }

    deinit { buffer.deallocate() }

    /// Reads a block. Of one with a snapshot, where none is asked for, the other pieces.
    ///
    /// - Parameters:
    ///   - expected: what the header has to say.
    ///   - seal: the block's keys; nil: the reader's.
    ///   - take: is given each piece with its index, in order; valid during the call. After an end that is not `complete` what it was given is
    ///     worth nothing.
    func read(
        _ path: String, expecting expected: BlockHeader, under seal: SealingKeys? = nil,
        take: (Int, UnsafeRawBufferPointer) throws -> Void
    ) rethrows -> End {
        let keys = seal ?? keys
        guard let file = OpenFile(path), let codec = try? codecs.codec(sealed: keys.isSealed) else { return .absent }
        guard let prefix = BlockPrefix(of: file), prefix.fileBytes == file.bytes, prefix.tokens == expected.tokens.count,
            let least = expected.fileBytes
        else { return .invalid }
        if expected.hasSnapshot, !prefix.hasSnapshot { return .withoutSnapshot }
        guard least <= file.bytes, prefix.pieces == expected.sizes.count + (prefix.hasSnapshot && !expected.hasSnapshot ? 1 : 0) else {
            return .invalid
        }
        let lengths = [prefix.headerBytes] + expected.sizes.map { $0 + SectionCodec.tagBytes }
        var key: [UInt8] = []
        let isComplete = try sections(of: file, lengths, from: 0) { section, bytes, tag in
            if section == 0 {
                guard let found = header(bytes, tag, keys, codec), found.header.fileBytes == file.bytes, found.header.matches(expected)
                else {
                    return false
                }
                key = found.key
            } else {
                guard codec.open(bytes, tag: tag, section: section, of: key) else { return false }
                try take(section - 1, UnsafeRawBufferPointer(bytes))
            }
            return true
        }
        return isComplete ? .complete : .invalid
    }

    /// Reads the tokens of a file without pieces.
    ///
    /// - Parameter seal: the file's keys; nil: the reader's.
    /// - Returns: nil unless the end is `complete`.
    func tokens(_ path: String, of key: [UInt8], identity: [UInt8], under seal: SealingKeys? = nil) -> (end: End, tokens: [Int32]?) {
        let keys = seal ?? keys
        guard let file = OpenFile(path), let codec = try? codecs.codec(sealed: keys.isSealed) else { return (.absent, nil) }
        guard let prefix = BlockPrefix(of: file), prefix.pieces == 0, prefix.fileBytes == file.bytes, prefix.headerBytes == file.bytes,
            let bytes = read(file, at: 0, file.bytes),
            let (header, _) = header(bytes.before(SectionCodec.tagBytes), bytes.last(SectionCodec.tagBytes), keys, codec),
            header.key == key, header.identity == identity
        else { return (.invalid, nil) }
        return (.complete, header.tokens)
    }

    /// Whether a file is a whole block, and the one that its place and name say; of a sealed one, without its key, only whether its length is right.
    func check(_ file: CacheFolder.File) -> End {
        let isSealed = file.kind == .sealedBlock
        guard let open = OpenFile(file.path) else { return .absent }
        guard let prefix = BlockPrefix(of: open), prefix.fileBytes == open.bytes, prefix.isSealed == isSealed,
            prefix.headerBytes <= open.bytes
        else { return .invalid }
        if isSealed { return .complete }
        guard let codec = try? codecs.codec(sealed: false), let bytes = read(open, at: 0, prefix.headerBytes),
            let (header, key) = header(bytes.before(SectionCodec.tagBytes), bytes.last(SectionCodec.tagBytes), keys, codec),
            header.fileBytes == open.bytes, header.identity.hexadecimal.hasPrefix(file.folder.identityHash),
            keys.ending(of: header.key) == file.name.dropFirst(BlockGroup.digits)
        else { return .invalid }
        let lengths = [header.bytes] + header.sizes.map { $0 + SectionCodec.tagBytes }
        return sections(of: open, lengths, from: 1) { codec.open($1, tag: $2, section: $0, of: key) } ? .complete : .invalid
    }

    /// Verifies and reads a header.
    ///
    /// - Parameter bytes: the prefix and what follows it; changed.
    /// - Returns: it, and the key of the file's other sections.
    private func header(
        _ bytes: UnsafeMutableRawBufferPointer, _ tag: UnsafeMutableRawBufferPointer, _ keys: SealingKeys, _ codec: SectionCodec
    ) -> (header: BlockHeader, key: [UInt8])? {
        let start = UnsafeRawBufferPointer(bytes.first(BlockPrefix.bytes))
        guard let prefix = BlockPrefix(start), prefix.isSealed == keys.isSealed else { return nil }
        let key = keys.fileKey(salt: prefix.salt)
        let body = UnsafeMutableRawBufferPointer(rebasing: bytes[BlockPrefix.bytes...])
        guard codec.open(body, tag: tag, section: 0, of: key, associated: start),
            let header = BlockHeader(body: UnsafeRawBufferPointer(body), prefix: prefix)
        else { return nil }
        return (header, key)
    }

    /// Reads a file's sections, as many at once as the buffer holds, and gives each with its tag to `body` until that says no.
    ///
    /// - Parameter lengths: bytes of the sections, with their tags, from the file's first on.
    private func sections(
        of file: OpenFile, _ lengths: [Int], from first: Int,
        body: (Int, UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer) throws -> Bool
    ) rethrows -> Bool {
        var (next, offset) = (first, lengths[..<first].reduce(0, +))
        while next < lengths.count {
            let start = next
            var count = 0
            while next < lengths.count, next == start || count + lengths[next] <= buffer.count {
                count += lengths[next]
                next += 1
            }
            guard var rest = read(file, at: offset, count) else { return false }
            for section in start..<next {
                let all = rest.first(lengths[section])
                guard try body(section, all.before(SectionCodec.tagBytes), all.last(SectionCodec.tagBytes)) else { return false }
                rest = UnsafeMutableRawBufferPointer(rebasing: rest[all.count...])
            }
            offset += count
        }
        return true
    }

    /// Reads into the beginning of the buffer; nil when the bytes are not there.
    private func read(_ file: OpenFile, at offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer? {
        if count > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: count, alignment: 4096)
        }
        guard let base = buffer.baseAddress, SystemIO.read(file.descriptor, at: UInt64(offset), into: base, count: count) == .complete
        else {
            return nil
        }
        return buffer.first(count)
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func first(_ count: Int) -> UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: self[..<count]) }
    fileprivate func last(_ count: Int) -> UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: suffix(count)) }
    /// All but the last bytes.
    fileprivate func before(_ count: Int) -> UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: dropLast(count)) }
}
