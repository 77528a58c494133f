import HadalCache
import HadalCore
import Synchronization

/// A session's whole pages, found by others and found in others.
extension Session {
    /// Lets other sessions find the whole blocks of this one, also after its end. Within `Engine.state`.
    func publish(_ state: inout Engine.State) {
        guard publishes else { return }
        extendChain()
        if let chain { state.publish(chain.keys.prefix(count / engine.pageTokens), pages: pages.storage) }
    }

    func extendChain() {
        if chain == nil { chain = engine.blockChain(salt: cacheUse.salt, regime: ropeRegime) }
        chain?.extend(to: history)
    }

    func publish() { engine.state.withLock { publish(&$0) } }

    /// Whether blocks are whole that nobody was told of.
    var hasNewBlocks: Bool { publishes && count / engine.pageTokens > chain?.keys.count ?? 0 }

    /// Takes the next blocks of a prompt, as far as they are known and this session does not hold as much itself.
    func takeBlocks(_ fill: inout PromptFill) {
        guard let total = fill.pending?.total else { return }
        let taken = takeBlocks(of: fill.chain, most: reusableBlocks(of: total)) { total - $0 >= Self.leastChunk }
        fill.reused += taken
        fill.new -= taken
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
        guard held / size < most else { return 0 }
        engine.state.withLock { state in
            guard state.blocks.contains(chain.keys[held / size]) else { return }
            let found = state.blocks.use(chain.keys.prefix(most))
            let usable = (held / size + 1..<max(found.count, held / size) + 1).last { fits($0 * size) } ?? 0
            guard usable * size > held else { return }
            takePages(found[held / size..<usable], &state)
            count = usable * size
        }
        return count - held
    }

    /// Gives all pages back; the tokens stay in storage.
    func giveUpPages() {
        engine.state.withLock { state in
            publish(&state)
            cutPages(to: 0, &state)
            prediction?.rollBack(to: 0)
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
    /// - Parameters:
    ///   - keys: of the whole blocks of a timeline, from its first on.
    ///   - pages: those that hold them, and perhaps more.
    mutating func publish<Pages: RandomAccessCollection>(_ keys: ArraySlice<BlockKey>, pages: Pages)
    where Pages.Element == UInt32, Pages.Index == Int {
        for (index, key) in keys.enumerated()
        where blocks.insert(key, after: index == 0 ? nil : keys[index - 1], page: pages[index]) {
            pool.retain(pages[index])
        }
    }

    /// A page that nobody uses: a free one, or that of the block that is worth the least. nil: sessions use all.
    mutating func takePage() -> UInt32? {
        if let page = pool.take() { return page }
        guard let removed = blocks.removeLeastValuable(where: { !pool.isShared($0) }) else { return nil }
        pool.release(removed.page)
        return pool.take()
    }

    /// Pages that no session uses.
    var availablePages: Int { pool.freeCount + blocks.count { !pool.isShared($0) } }
}

extension Engine {
    /// The chain of a timeline without tokens.
    ///
    /// - Parameter regime: rope switches that the timeline is longer than: keys are rotated differently on each side.
    func blockChain(salt: String, regime: Int) -> BlockChain {
        BlockChain(root: BlockKey(identity: "\(fingerprint) \(cacheDType.name) \(regime)", salt: Array(salt.utf8)), blockTokens: pageTokens)
    }

    /// Chunks of prompts end at multiples of this in a scheduler. With float weights, whose sums depend on the rows of a step, they end with
    /// each block: a prompt that goes on after blocks of others is then cut as it would be without.
    var promptChunk: Int { sumsDependOnRows ? pageTokens : Scheduler.chunkTokens }

    /// Rope switches that a timeline of so many tokens is longer than.
    func ropeRegime(of length: Int) -> Int { model.ropeSwitches.count { length > $0 } }
}
