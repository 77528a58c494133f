import HadalBackend
import HadalCache
import HadalCore
import Synchronization

/// How a session keeps and finds snapshots of states that cannot be cut at any token. Without such states nothing here does anything.
extension Session {
    /// The states are not those after the tokens: the session was cut, or goes on with blocks that have no snapshot. Within `Engine.state`.
    func loseState() { lacksState = engine.snapshotStates != nil }

    /// Makes a snapshot the session's state, or the state before the first token. Within `Engine.state`.
    ///
    /// - Parameter count: tokens that it is after.
    /// - Returns: whether the session has a state now.
    @discardableResult
    func restoreState(_ slot: UInt32?, count: Int = 0) -> Bool {
        guard let states = engine.snapshotStates else { return true }
        lacksState = (try? states.restoreSnapshot(slot, after: count, to: self)) == nil
        return !lacksState
    }

    /// Makes sure that the states are those after the tokens, where they are not: goes back to the last of the session's own blocks that has a
    /// snapshot. The tokens after it stay in storage.
    ///
    /// - Returns: how many they are.
    /// - Throws: what resetting the states throws.
    @discardableResult
    func recoverState() throws -> Int {
        guard lacksState, let states = engine.snapshotStates else { return 0 }
        let held = count
        extendChain()
        try engine.state.withLock { state in
            let found = state.blocks.use(chain?.keys.prefix(held / engine.pageTokens) ?? [], needsSnapshot: true)
            var length = found.pages.count
            if !restoreState(found.snapshot, count: length * engine.pageTokens) {
                if let key = chain?.keys.prefix(length).last { state.blocks.detachSnapshot(from: key) }
                try states.restoreSnapshot(nil, after: 0, to: self)
                (length, lacksState) = (0, false)
            }
            cutPages(to: length, &state)
            prediction?.rollBack(to: length * engine.pageTokens)
            count = length * engine.pageTokens
        }
        hasLogits = false
        return held - count
    }

    /// Where the next chunk of a prompt ends at the latest, so that the states can be kept at a block's end.
    ///
    /// - Parameters:
    ///   - total: tokens of the session with the prompt.
    ///   - usual: tokens of a chunk that others wait for; nil: as many as a step takes.
    /// - Returns: tokens of the chunk; nil: as many as a step takes.
    func chunkToSnapshot(total: Int, usual: Int?) -> Int? {
        guard engine.snapshotStates != nil else { return usual }
        let size = engine.pageTokens
        snapshotEnds = SnapshotSpacing.ends(after: count / size, known: knownBlocks, of: reusableBlocks(of: total))
        // A chunk of a few tokens would be computed in another way.
        guard let next = snapshotEnds.first(where: { $0 * size - count >= Self.leastChunk }) else { return usual }
        return min(usual ?? .max, next * size - count)
    }

    /// Keeps the states as they are after a step, if it ended at the end of a block where they are to be kept. In a prompt these are few; where an
    /// answer will end is not known, so that each of its blocks may be the last. Within `Engine.state`.
    func keepSnapshot(_ state: inout Engine.State) {
        let size = engine.pageTokens, end = count / size, last = snapshotEnds.last ?? 0
        guard let states = engine.snapshotStates, publishes, !lacksState, replayedTokens == 0, end > 0, count % size == 0,
            end > last || snapshotEnds.contains(end)
        else { return }
        publish(&state)
        guard let key = chain?.keys[end - 1],
            let slot = state.blocks.attachSnapshot(to: key, isPinned: end == last || end == knownBlocks)
        else { return }
        do { try states.saveSnapshot(of: self, to: slot) } catch { state.blocks.detachSnapshot(from: key) }
    }

    /// Keeps the last snapshot of what the session holds, which ends an answer, and has it written to the disk.
    func keepAnswerSnapshot() {
        guard engine.snapshotStates != nil, publishes else { return }
        extendChain()
        guard let chain else { return }
        engine.state.withLock { state in
            publish(&state)
            let keys = chain.keys.prefix(count / engine.pageTokens)
            guard let index = keys.lastIndex(where: { state.blocks.snapshot(of: $0) != nil }) else { return }
            state.blocks.pinSnapshot(of: chain.keys[index])
            if cacheUse.isKeptOnDisk, let disk = engine.disk {
                state.keepOnDisk(index, of: chain, page: pages[index], tokens: history, under: cacheUse.seal)
                disk.notify()
            }
        }
    }
}

extension Engine {
    /// Has sessions keep and find snapshots of states. Before the first session is made.
    ///
    /// - Parameter slots: those of `states`.
    func keepSnapshots(of states: any SnapshotStates, slots: Int) {
        snapshotStates = states
        state.withLock { $0.blocks = BlockTree(capacity: program.pageCount, snapshotSlots: slots) }
    }

    /// The bytes of a block's snapshot; nil: it has none that is to be kept for long, or it cannot be read.
    func snapshotBytes(of key: BlockKey, _ state: Engine.State) -> [UInt8]? {
        guard let states = snapshotStates, let found = state.blocks.snapshot(of: key), found.isPinned else { return nil }
        var bytes = [UInt8](repeating: 0, count: states.snapshotBytes)
        return (try? bytes.withUnsafeMutableBytes { try states.readSnapshot(found.slot, into: $0) }) == nil ? nil : bytes
    }
}
