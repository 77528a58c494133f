import HadalBackend
import HadalCache
import HadalCore
import Synchronization

/// A session's whole pages, found by others and found in others.
extension Session {
    /// Lets other sessions find the whole blocks of this one, also after its end. Within `Engine.state`.
    func publish(_ state: inout Engine.State) {
        guard publishes else { return }
        extendChain()
        if let chain {
            state.publish(
                chain, count: count / engine.pageTokens, pages: pages.storage, tokens: history,
                to: cacheUse.isKeptOnDisk ? engine.disk : nil, under: cacheUse.seal)
        }
    }

    func extendChain() {
        if chain == nil { chain = engine.blockChain(salt: cacheUse.salt, regime: ropeRegime) }
        chain?.extend(to: history)
    }

    func publish() { engine.state.withLock { publish(&$0) } }

    /// Whether blocks are whole that nobody was told of.
    var hasNewBlocks: Bool { publishes && count / engine.pageTokens > chain?.keys.count ?? 0 }

    /// Takes the next blocks of a prompt, as far as they are known and this session does not hold as much itself.
    ///
    /// - Returns: tokens that came from disk.
    /// - Throws: as `recoverState`.
    func takeBlocks(_ fill: inout PromptFill) throws -> Int {
        guard let total = fill.pending?.total else { return 0 }
        let most = reusableBlocks(of: total)
        let taken = takeBlocks(of: fill.chain, most: most) { total - $0 >= Self.leastChunk }
        let restored = restoreBlocks(of: fill.chain, most: most)
        // Between blocks that are read the states may be missing, but not when tokens are to be computed.
        let lost = restored > 0 ? 0 : try recoverState()
        let reused = max(fill.reused + taken + restored - lost, 0)
        (fill.new, fill.reused) = (fill.new + fill.reused - reused, reused)
        return restored
    }

    /// Tokens of a prompt's next blocks that lie on disk.
    func restorableTokens(of fill: PromptFill) -> Int {
        guard let store = engine.disk?.store, let total = fill.pending?.total else { return 0 }
        return restorableBlocks(of: fill.chain, most: reusableBlocks(of: total), store).count * engine.pageTokens
    }

    /// The timeline's next blocks that lie on disk, as far as the session can go on from them.
    private func restorableBlocks(of chain: BlockChain, most: Int, _ store: BlockStore) -> Range<Int> {
        let first = count / engine.pageTokens
        let blocks = first..<first + chain.keys.prefix(most).dropFirst(first).prefix { store.contains($0, under: cacheUse.seal) }.count
        guard engine.snapshotStates != nil else { return blocks }
        return first..<(blocks.last { store.containsSnapshot(of: chain.keys[$0], under: cacheUse.seal) }.map { $0 + 1 } ?? first)
    }

    /// Reads the next of a timeline's blocks from disk, as many as others may wait for.
    ///
    /// - Returns: the tokens that the session got.
    private func restoreBlocks(of chain: BlockChain, most: Int) -> Int {
        guard let disk = engine.disk else { return 0 }
        let size = engine.pageTokens, held = count
        let tokens = UnsafeBufferPointer(rebasing: storage[..<(most * size)])
        let blocks = restorableBlocks(of: chain, most: most, disk.store)
        for index in blocks.prefix(Self.mostRestored) {
            if index + 1 < blocks.upperBound { disk.store.prefetch(chain.keys[index + 1], under: cacheUse.seal) }
            let isLast = index + 1 == blocks.upperBound
            guard engine.state.withLock({ restoreBlock(index, of: chain, tokens, disk, isLast: isLast, &$0) }) else { break }
            count = (index + 1) * size
        }
        return count - held
    }

    /// Blocks that are read from disk between two steps.
    private static let mostRestored = 16

    /// - Parameter isLast: whether the session goes on from the block, and so needs its snapshot where there are such.
    private func restoreBlock(
        _ index: Int, of chain: BlockChain, _ tokens: UnsafeBufferPointer<Int32>, _ disk: DiskTier, isLast: Bool,
        _ state: inout Engine.State
    ) -> Bool {
        guard let page = state.takePage() else { return false }
        var snapshot: [UInt8] = []
        let isRead = try? disk.store.read(
            chain.keys[index], after: chain.parent(of: index), tokens: chain.tokens(of: index, in: tokens), pieceSizes: disk.pieceSizes,
            snapshotSize: isLast ? engine.snapshotStates?.snapshotBytes : nil, under: cacheUse.seal
        ) { piece, bytes in
            if piece == disk.pieceSizes.count {
                snapshot = Array(bytes)
            } else {
                try engine.program.writePage(Int(page), state: engine.program.pagedStates[piece], from: bytes)
            }
        }
        guard isRead == true else {
            state.pool.release(page)
            return false
        }
        takePages(CollectionOfOne(page), &state)
        state.pool.release(page)
        if state.blocks.insert(chain.keys[index], after: index == 0 ? nil : chain.keys[index - 1], page: page) { state.pool.retain(page) }
        loseState()
        if isLast { takeSnapshot(snapshot, at: chain.keys[index], count: (index + 1) * engine.pageTokens, &state) }
        return true
    }

    /// Makes a snapshot that came from disk the session's state, and a block's. Within `Engine.state`.
    ///
    /// - Parameter count: tokens that it is after.
    private func takeSnapshot(_ bytes: [UInt8], at key: BlockKey, count: Int, _ state: inout Engine.State) {
        guard let states = engine.snapshotStates, let slot = state.blocks.attachSnapshot(to: key, isPinned: true) else { return }
        do { try bytes.withUnsafeBytes { try states.writeSnapshot(slot, from: $0) } } catch {
            return state.blocks.detachSnapshot(from: key)
        }
        restoreState(slot, count: count)
    }

    /// The first blocks of so many tokens that need not be computed. Enough are left for every kernel to take the way of many tokens, as it
    /// does for the whole.
    func reusableBlocks(of total: Int) -> Int { max(total - Self.leastChunk, 0) / engine.pageTokens }

    /// Takes the next of a timeline's blocks, as far as they are known and this session does not hold as much itself. The tokens are in
    /// storage.
    ///
    /// - Parameters:
    ///   - most: blocks to have in the end.
    ///   - fits: whether the rest of the timeline may be computed after so many tokens.
    /// - Returns: the tokens that the session got.
    func takeBlocks(of chain: BlockChain, most: Int, fits: (Int) -> Bool) -> Int {
        let size = engine.pageTokens, held = count
        knownBlocks = held / size
        guard held / size < most else { return 0 }
        engine.state.withLock { state in
            guard state.blocks.contains(chain.keys[held / size]) else { return }
            let found = state.blocks.use(chain.keys.prefix(most), needsSnapshot: engine.snapshotStates != nil) {
                $0 > held / size && fits($0 * size)
            }
            knownBlocks = found.known
            guard found.pages.count * size > held else { return }
            guard restoreState(found.snapshot, count: found.pages.count * size) else {
                return state.blocks.detachSnapshot(from: chain.keys[found.pages.count - 1])
            }
            takePages(found.pages[(held / size)...], &state)
            count = found.pages.count * size
        }
        return count - held
    }

    /// Gives all pages back; the tokens stay in storage.
    func giveUpPages() {
        engine.state.withLock { state in
            publish(&state)
            cutPages(to: 0, &state)
            prediction?.rollBack(to: 0)
            restoreState(nil)
        }
        count = 0
    }

    /// Goes on with pages of others in the place of its own from the last whole one on. Within `Engine.state`.
    func takePages(_ found: some Collection<UInt32>, _ state: inout Engine.State) {
        cutPages(to: count / engine.pageTokens, &state)
        prediction?.rollBack(to: count)
        for page in found {
            state.pool.retain(page)
            pages.append(page)
        }
    }

    /// Gives pages after the first few back. Within `Engine.state`.
    func cutPages(to needed: Int, _ state: inout Engine.State) {
        while pages.count > needed { state.pool.release(pages.removeLast()) }
    }
}

extension Engine.State {
    /// Lets others find the first blocks of a timeline.
    ///
    /// - Parameters:
    ///   - pages: those that hold them, and perhaps more.
    ///   - tokens: of the timeline.
    ///   - disk: where new ones are kept as well.
    ///   - seal: encrypts them there; nil: as the engine's options say.
    mutating func publish<Pages: RandomAccessCollection>(
        _ chain: BlockChain, count: Int, pages: Pages, tokens: UnsafeBufferPointer<Int32>, to disk: DiskTier?, under seal: SealingKeys?
    ) where Pages.Element == UInt32, Pages.Index == Int {
        for (index, key) in chain.keys.prefix(count).enumerated() {
            guard blocks.insert(key, after: index == 0 ? nil : chain.keys[index - 1], page: pages[index]) else { continue }
            pool.retain(pages[index])
            if disk != nil { keepOnDisk(index, of: chain, page: pages[index], tokens: tokens, under: seal) }
        }
        if !unsaved.isEmpty { disk?.notify() }
    }

    /// Has a block of a timeline written, with its snapshot if that is to be kept.
    mutating func keepOnDisk(
        _ index: Int, of chain: BlockChain, page: UInt32, tokens: UnsafeBufferPointer<Int32>, under seal: SealingKeys?
    ) {
        pool.retain(page)
        unsaved.append(
            DiskTier.Unsaved(
                key: chain.keys[index], parent: chain.parent(of: index), tokens: chain.tokens(of: index, in: tokens), page: page,
                seal: seal))
    }

    /// A page that nobody uses: a free one, or that of the block that is worth the least. nil: sessions use all.
    mutating func takePage() -> UInt32? {
        if let page = pool.take() { return page }
        if let removed = blocks.removeLeastValuable(where: { !pool.isShared($0) }) {
            pool.release(removed.page)
        } else if !unsaved.isEmpty {
            // Sessions come before what might be of use to others later.
            for block in unsaved { pool.release(block.page) }
            unsaved = []
            return takePage()
        }
        return pool.take()
    }

    /// Pages that no session uses.
    var availablePages: Int {
        let waiting = Set(unsaved.map(\.page))
        return pool.freeCount + blocks.count { !pool.isShared($0) || waiting.contains($0) && pool.references(to: $0) == 2 }
    }
}

extension Engine {
    /// Pages that sessions hold: all but those that are free, or kept for whoever begins alike. Waits for a step that is running.
    package var heldPages: Int { state.withLock { program.pageCount - $0.availablePages } }
    /// All pages.
    package var pageCount: Int { program.pageCount }

    /// The chain of a timeline without tokens.
    ///
    /// - Parameter regime: rope switches that the timeline is longer than: keys are rotated differently on each side.
    func blockChain(salt: String, regime: Int) -> BlockChain {
        BlockChain(root: BlockKey(identity: "\(fingerprint) \(regime)", salt: Array(salt.utf8)), blockTokens: pageTokens)
    }

    /// Chunks of prompts end at multiples of this in a scheduler. With float weights, whose sums depend on the rows of a step, they end with
    /// each block: a prompt that goes on after blocks of others is then cut as it would be without.
    var promptChunk: Int { sumsDependOnRows ? pageTokens : Scheduler.chunkTokens }

    /// Rope switches that a timeline of so many tokens is longer than.
    func ropeRegime(of length: Int) -> Int { model.ropeSwitches.count { length > $0 } }
}
