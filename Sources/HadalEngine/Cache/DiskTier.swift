import HadalBackend
import HadalCache
import HadalCore
import HadalGraph
import Synchronization

/// The blocks of an engine on disk, and a thread that copies new ones out of its memory between steps.
final class DiskTier: Sendable {
    /// A block that is to be written. Holds a reference to its page.
    struct Unsaved {
        let key: BlockKey
        let parent: BlockKey
        let tokens: [Int32]
        let page: UInt32
        let seal: SealingKeys?
    }

    private enum Work { case idle, ready, over }

    let store: BlockStore
    /// Bytes of a block in each state with a row for each token.
    let pieceSizes: [Int]
    /// Held while a block is on its way from memory to the store.
    fileprivate let saving = Mutex(())
    private let work = Monitor(Work.idle)

    init(_ directory: String, _ options: EngineOptions, _ program: Program, identity: String, model: CachedModel) throws {
        store = try BlockStore(
            directory: directory, limit: options.cacheLimit, sealingKey: options.sealingKey, identity: identity, model: model,
            log: options.log)
        pieceSizes = program.pagedStates.map { program.pageBytes(state: $0) }
    }

    /// Begins to save what an engine's state says is unsaved. Its end is that of the engine, or `close`.
    func start(for engine: Engine) {
        _ = SystemThread(name: "hadal-save") { [weak engine, work] in
            while Self.waitsForWork(work) { while let engine, engine.saveBlock() {} }
        }
    }

    /// - Returns: whether there is some; false at the end.
    private static func waitsForWork(_ work: Monitor<Work>) -> Bool {
        work.wait(
            until: { $0 != .idle },
            then: { found in
                guard found == .ready else { return false }
                found = .idle
                return true
            })
    }

    func close() { work.update { $0 = .over } }

    /// There are unsaved blocks.
    func notify() { work.update { if $0 == .idle { $0 = .ready } } }
}

extension Engine {
    /// What the state of a timeline depends on besides its tokens.
    var stateIdentity: String {
        var hash = SHA256()
        for node in program.graph.nodes {
            hash.combine(field: "\(node.op) \(node.label) \(node.inputs)")
            for (name, value) in node.attributes.sorted(by: { $0.key < $1.key }) { hash.combine(field: "\(name) \(value)") }
        }
        for state in program.graph.states {
            hash.combine(
                field: state.rows.map { "\(state.name) \(state.heads) \($0) \(state.width)" }
                    ?? "\(state.name) \(state.heads) \(state.width)")
        }
        let backends = Set(openedBackends.map(\.backend.name)).sorted().joined(separator: "+")
        return "hadal \(HadalVersion.current) \(fingerprint) \(hash.finish().hexadecimal) \(backends) \(cacheDType.name) \(pageTokens)"
    }

    /// Copies the oldest unsaved block out of memory and has it written; waits for room.
    ///
    /// - Returns: whether there was one.
    func saveBlock() -> Bool { disk.map { disk in disk.saving.withLock { _ in saveBlock(disk) } } ?? false }

    private func saveBlock(_ disk: DiskTier) -> Bool {
        let found = state.withLock { state -> (DiskTier.Unsaved, [[UInt8]], snapshot: [UInt8]?)? in
            guard let block = state.unsaved.first else { return nil }
            state.unsaved.removeFirst()
            defer { state.pool.release(block.page) }
            return (block, (try? readPieces(of: block.page, disk.pieceSizes)) ?? [], snapshotBytes(of: block.key, state))
        }
        guard let (block, pieces, snapshot) = found else { return false }
        guard !pieces.isEmpty else { return true }
        if !disk.store.hasRoom(for: pieces.reduce(snapshot?.count ?? 0) { $0 + $1.count }) { disk.store.flush() }
        disk.store.write(block.key, after: block.parent, tokens: block.tokens, pieces: pieces, snapshot: snapshot, under: block.seal)
        return true
    }

    private func readPieces(of page: UInt32, _ sizes: [Int]) throws -> [[UInt8]] {
        try zip(program.pagedStates, sizes).map { state, size in
            var piece = [UInt8](repeating: 0, count: size)
            try piece.withUnsafeMutableBytes { try program.readPage(Int(page), state: state, into: $0) }
            return piece
        }
    }

    /// Removes the blocks of some salts from the engine's cache directory, those of other models too, and keeps none of them there any more.
    ///
    /// - Throws: `io` for the first file that cannot be removed; the others are.
    package func removeStoredBlocks(of salts: [String]) throws {
        if !salts.isEmpty { try disk?.store.remove(Self.groups(salts)) }
    }

    /// The same where no engine is loaded, for a cache directory.
    package static func removeStoredBlocks(of salts: [String], in directory: String) throws {
        try CacheDirectory.remove(groups(salts), in: directory)
    }

    private static func groups(_ salts: [String]) -> Set<BlockGroup> { Set(salts.map { BlockGroup(salt: Array($0.utf8)) }) }

    /// Waits until all blocks that may be kept on disk are there. Blocks the calling thread; takes turns with steps.
    public func saveCache() {
        guard let disk else { return }
        while saveBlock() {}
        disk.store.flush()
    }
}
