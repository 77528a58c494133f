package import HadalCore

/// Blocks of state on the disk, where they outlive a session and the process. Knows no engine.
///
/// A block is found by its key and given back only if everything that it was written with, and every bit of it, is as it was. The directory holds a
/// folder for each identity; any number of stores, of any number of processes, may share it. What goes wrong with the disk afterwards costs the cache
/// and nothing else. docs/serving.md says what lies on the disk.
///
/// Any thread.
package final class BlockStore: Sendable {
    private let identity: [UInt8]
    private let directory: String
    private let blocks: StoredBlocks
    private let queue = WriteQueue()
    private let readers: ReaderPool
    private let thread: SystemThread?

    /// - Parameters:
    ///   - directory: made if it is not there, for the user alone.
    ///   - limit: bytes of all blocks in the directory, those of other stores included.
    ///   - sealingKey: 32 bytes; nil: files are not encrypted.
    ///   - identity: whatever the state depends on besides tokens: the model, the cache's type, versions. Blocks of another are not found.
    ///   - model: what a list of the directory says of the identity.
    /// - Throws: `invalidArgument`; `io` for a directory that cannot be made or is none; `unsupported` where libcrypto lacks an algorithm.
    package init(
        directory: String, limit: Int, sealingKey: [UInt8]? = nil, identity: String, model: CachedModel = CachedModel(),
        log: LogSink = .silent
    ) throws {
        guard limit > 0 else { throw HadalError(.invalidArgument, "the limit of a cache on disk must be positive, not \(limit) bytes") }
        guard sealingKey.map({ $0.count == SealingKeys.keyBytes }) ?? true else {
            throw HadalError(.invalidArgument, "a sealing key must have \(SealingKeys.keyBytes) bytes, not \(sealingKey?.count ?? 0)")
        }
        let keys = SealingKeys(sealingKey)
        blocks = try StoredBlocks(in: directory, identity: identity, model: model, keys)
        let files = CacheFolder.files(in: directory)
        CacheFolder.removeOldTemporaries(files)
        blocks.update(files)
        let total = files.reduce(0) { $0 + ($1.kind.isBlock ? $1.status.bytes : 0) }
        (self.identity, self.directory) = (SHA256.hash(Array(identity.utf8)), directory)
        readers = try ReaderPool(keys)
        let limit = CacheLimit(directory: directory, bytes: limit, total: total)
        let writing = try WriteBehind(blocks, queue, limit: limit, log: log)
        thread = SystemThread(name: "hadal-cache") { writing.run() }
        if thread == nil { log.write(.warning, "no thread for the cache on disk: it takes no blocks") }
    }

    /// Writes what waits, and ends.
    deinit {
        queue.close()
        thread?.join()
    }

    /// Has a block written in the background. One that is there already counts as used, and is written again only to get a snapshot that
    /// it lacks.
    ///
    /// - Parameters:
    ///   - parent: the key that `key` was made after.
    ///   - tokens: those of the block.
    ///   - pieces: the state that has rows for each token.
    ///   - snapshot: the state at the block's end that has none; nil: it is not kept.
    ///   - seal: the block's keys; nil: those of the store.
    /// - Returns: false when the queue is full (`hasRoom`), or nothing can be written: the block is not kept.
    @discardableResult
    package func write(
        _ key: BlockKey, after parent: BlockKey, tokens: [Int32], pieces: [[UInt8]], snapshot: [UInt8]? = nil,
        under seal: SealingKeys? = nil
    ) -> Bool {
        guard !blocks.isForgotten(key.group) else { return false }
        let keys = seal ?? blocks.keys
        let (name, parentName) = (keys.fileName(of: key), keys.fileName(of: parent))
        if blocks.isThere(name, withSnapshot: snapshot != nil) {
            use(name, parent: parentName)
            return true
        }
        let header = BlockHeader(
            identity: identity, key: key, parent: parent, tokens: tokens, sizes: pieces.map(\.count), snapshot: snapshot?.count)
        guard thread != nil, header.fileBytes != nil else { return false }
        let all = pieces + (snapshot.map { [$0] } ?? [])
        return queue.add(WriteQueue.Block(name: name, parent: parentName, group: key.group, keys: keys, header: header, pieces: all))
    }

    /// Whether `write` takes a block of so many bytes now.
    package func hasRoom(for bytes: Int) -> Bool { queue.hasRoom(for: bytes) }

    /// Bytes of blocks that wait to be written.
    package var pendingBytes: Int { queue.pendingBytes }

    /// Waits until all that was given to `write` is on the disk, or was given up, and what was used is known there. A process that may exit while the
    /// store lives calls it first.
    package func flush() {
        queue.waitUntilEmpty()
        blocks.saveUses()
    }

    /// Removes blocks from the directory, those of other identities too, and takes no more of them.
    ///
    /// - Throws: `io` for the first file that cannot be removed; the others are.
    package func remove(_ groups: Set<BlockGroup>) throws {
        blocks.forget(groups)
        try CacheDirectory.remove(groups, in: directory)
    }

    private func name(_ key: BlockKey, _ seal: SealingKeys?) -> String { (seal ?? blocks.keys).fileName(of: key) }

    /// Whether there is a block, as far as can be said without reading it.
    ///
    /// - Parameter seal: the block's keys, here and below; nil: those of the store.
    package func contains(_ key: BlockKey, under seal: SealingKeys? = nil) -> Bool {
        let name = name(key, seal)
        return queue[name] != nil || blocks.contains(name)
    }

    /// Whether there is a block with a snapshot, as far as its file's first bytes say.
    package func containsSnapshot(of key: BlockKey, under seal: SealingKeys? = nil) -> Bool {
        let name = name(key, seal)
        return queue[name]?.header.hasSnapshot ?? false || blocks.isThere(name, withSnapshot: true)
    }

    /// Has the system read a block's file into memory, for a `read` soon.
    package func prefetch(_ key: BlockKey, under seal: SealingKeys? = nil) { OpenFile(blocks.path(name(key, seal)))?.prefetch() }

    /// Gives a block back, piece by piece. A file that is not what was asked for, down to the last bit, is removed.
    ///
    /// - Parameters:
    ///   - pieceSizes: bytes of each piece.
    ///   - snapshotSize: bytes of the snapshot, which is given as the last piece; nil: it is not read, and need not be there. A block
    ///     without the snapshot that is asked for stays where it is.
    ///   - take: is given each piece with its index, in order, after it was verified; the bytes, unaligned, are valid during the call. It must not use
    ///     what it was given when the result is false.
    /// - Returns: whether all pieces were given.
    /// - Throws: what `take` throws.
    package func read(
        _ key: BlockKey, after parent: BlockKey, tokens: [Int32], pieceSizes: [Int], snapshotSize: Int? = nil,
        under seal: SealingKeys? = nil,
        take: (Int, UnsafeRawBufferPointer) throws -> Void
    ) rethrows -> Bool {
        let name = name(key, seal)
        let header = BlockHeader(
            identity: identity, key: key, parent: parent, tokens: tokens, sizes: pieceSizes, snapshot: snapshotSize)
        if let waiting = queue[name] {
            guard waiting.header.matches(header) else { return false }
            for (index, piece) in waiting.pieces.prefix(header.sizes.count).enumerated() {
                try piece.withUnsafeBytes { try take(index, $0) }
            }
            return true
        }
        switch try readers.withReader({ try $0?.read(blocks.path(name), expecting: header, under: seal, take: take) }) {
        case .complete:
            if blocks.isThere(name) { use(name, parent: self.name(parent, seal)) }
            return true
        case .withoutSnapshot: break
        case .invalid: blocks.remove(name)
        case .absent, nil: blocks.forget(name)
        }
        return false
    }

    // MARK: Tokens without state

    /// What files of tokens are said to hang from: nothing that is there.
    private static let tokenRoot = BlockKey(identity: "tokens", salt: [])

    /// Has tokens written in the background that belong to no block, in place of those that the key has.
    ///
    /// - Parameter seal: the file's keys, here and below; nil: those of the store.
    package func write(_ tokens: [Int32], of key: BlockKey, under seal: SealingKeys? = nil) {
        guard self.tokens(of: key, under: seal) != tokens else { return }
        blocks.remove(name(key, seal))
        write(key, after: Self.tokenRoot, tokens: tokens, pieces: [], under: seal)
    }

    /// The tokens that were written; nil: there are none. A file that is not whole is removed.
    package func tokens(of key: BlockKey, under seal: SealingKeys? = nil) -> [Int32]? {
        let name = name(key, seal)
        if let waiting = queue[name] { return waiting.header.tokens }
        guard blocks.contains(name) else { return nil }
        let found = readers.withReader { $0?.tokens(blocks.path(name), of: key.bytes, identity: identity, under: seal) }
        switch found?.end {
        case .complete: use(name, parent: self.name(Self.tokenRoot, seal))
        case .invalid, .withoutSnapshot: blocks.remove(name)
        case .absent, nil: blocks.forget(name)
        }
        return found?.tokens
    }

    private func use(_ name: String, parent: String) { if blocks.markUsed(name, parent: parent) { queue.noteUse() } }
}
