import HadalArchitecture
import HadalBackend
import HadalCache
import HadalCore
import Synchronization

/// One timeline of tokens with its state: append, look at the logits, roll back, fork, save.
///
/// Forked sessions share the pages of their common prefix until one of them writes. Thread safety: one thread at a time for
/// each session (`cancel()` may come from any); different sessions may be used from different threads, their steps take turns.
/// Calls that are not `async` run on the caller's thread; `fork` and `rollBack` wait for a step that is running. `Engine.perform` runs
/// them on the engine's.
public final class Session: @unchecked Sendable {
    public let engine: Engine
    /// Most tokens the session may hold.
    public let contextLength: Int
    let storage: UnsafeMutableBufferPointer<Int32>
    /// Tokens so far.
    public internal(set) var count = 0
    var pages: PageList
    let logitStorage: UnsafeMutableBufferPointer<Float>
    let cancelFlag = CancelFlag()
    /// Whether `logits` belongs to the last token.
    public internal(set) var hasLogits = false
    /// Whether others may find what this session holds: those that a prompt was put into.
    var publishes = false
    /// The keys of its whole blocks, as far as they were needed; nil: none was.
    var chain: BlockChain?
    /// Of the state: the rope switches that the timeline is longer than, or was to be.
    var ropeRegime = 0
    let cacheUse: CacheUse
    /// Whether states that cannot be cut are not those after the tokens: they are found or computed again before the next tokens.
    var lacksState = false
    /// Its states of fixed size, where the model has such. Written within `Engine.state`.
    var slots = StateSlots()
    /// Block ends of the last prompt at which snapshots are kept, as far as they were still to be computed.
    var snapshotEnds: [Int] = []
    /// Of the last prompt: the blocks that were known when it was last looked for.
    var knownBlocks = 0
    /// Follows this session when the engine drafts with the model's own prediction layer.
    var prediction: PredictionState?
    /// Follows this session when the engine drafts with another model; made by the first generation that does.
    var draft: Session?

    init(engine: Engine, contextLength: Int, cacheUse: CacheUse = CacheUse()) {
        self.engine = engine
        self.cacheUse = cacheUse
        self.contextLength = contextLength
        storage = .allocate(capacity: contextLength)
        pages = PageList(capacity: (contextLength + engine.pageTokens - 1) / engine.pageTokens)
        logitStorage = .allocate(capacity: engine.resultWidth)
        logitStorage.initialize(repeating: 0)
        prediction = engine.makePredictionState()
    }

    deinit {
        if publishes { extendChain() }
        let held = HeldState(
            engine: engine, pages: (0..<pages.count).map { pages[$0] },
            chain: publishes ? chain : nil, tokens: publishes ? tokens : [],
            disk: cacheUse.isKeptOnDisk ? engine.disk : nil, seal: cacheUse.seal, prediction: prediction, slots: slots)
        // A step may hold the lock for long, and a session may end on a thread that must not wait.
        if engine.state.withLockIfAvailable({ held.release(&$0) }) == nil {
            engine.thread.submit { held.engine.state.withLock { held.release(&$0) } }
        }
        storage.deallocate()
        logitStorage.deallocate()
    }

    /// What an ended session gives back, on whichever thread.
    private struct HeldState: @unchecked Sendable {
        let engine: Engine
        let pages: [UInt32]
        /// For others to find; nil: nothing.
        let chain: BlockChain?
        let tokens: [Int32]
        let disk: DiskTier?
        let seal: SealingKeys?
        let prediction: PredictionState?
        let slots: StateSlots

        func release(_ state: inout Engine.State) {
            if let chain {
                tokens.withUnsafeBufferPointer {
                    state.publish(chain, count: $0.count / engine.pageTokens, pages: pages, tokens: $0, to: disk, under: seal)
                }
            }
            for page in pages { state.pool.release(page) }
            prediction?.release()
            engine.fixedStates?.releaseSlots(slots)
        }
    }

    /// Tokens at the session's end that the next step computes again, since its states of fixed size are not after them: it was cut, or held
    /// drafts that were not taken.
    var replayedTokens: Int { engine.fixedStates == nil || lacksState ? 0 : slots.missing(of: count) ?? 0 }

    /// The tokens so far.
    public var tokens: [Int32] { Array(storage[..<count]) }

    /// The engine's pages that hold the session's state, in order.
    package var pageNumbers: [Int] { (0..<pages.count).map { Int(pages[$0]) } }

    /// The tokens so far without a copy; valid until the session changes.
    var history: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(rebasing: storage[..<count]) }

    /// `[vocabulary]` logits after the last token. Meaningful while `hasLogits`; overwritten by the next append.
    public var logits: UnsafeBufferPointer<Float> { UnsafeBufferPointer(logitStorage) }

    /// Asks a running `append` to end early with `HadalError.cancelled`, or a running `generate` to finish. Any thread.
    public func cancel() { cancelFlag.set() }

    /// Appends tokens and computes the logits after the last of them.
    ///
    /// A cancelled or failed append keeps whole chunks that were already done and nothing after them; where it crossed a length at
    /// which rope factors switch, that can be less than there was before.
    /// - Throws: `contextFull` when they do not fit; `invalidArgument` for an id outside the vocabulary; `cancelled`.
    public func append(_ new: [Int32]) throws { try new.withUnsafeBufferPointer { try append($0) } }

    /// The same without a copy. Allocates nothing when the new tokens fit the session's last page or a free one.
    public func append(_ new: UnsafeBufferPointer<Int32>) throws {
        clearCancellation()
        try append(new, eachChunk: nil)
    }

    /// Appends tokens; `eachChunk` receives the index of each chunk's first token and its size, while the logits `[size, vocabulary]` of
    /// all its tokens lie in the engine's runner.
    ///
    /// - Parameter plannedLength: the length the session will reach with later calls; nil: with this one. What depends on the length of
    ///   the whole (a rope switch) is computed for it from the start, so that nothing has to be rebuilt.
    package func append(_ new: [Int32], plannedLength: Int? = nil, eachChunk: (Int, Int) throws -> Void) throws {
        clearCancellation()
        try withoutActuallyEscaping(eachChunk) { body in
            try new.withUnsafeBufferPointer { try append($0, plannedLength: plannedLength, eachChunk: body) }
        }
    }

    /// Forgets a `cancel()` that came too early to be meant for what starts now.
    func clearCancellation() { cancelFlag.clear() }

    /// Whether `cancel()` was called since.
    var isCancelled: Bool { cancelFlag.isSet }

    /// The same without a copy; goes on to heed a `cancel()` from before.
    ///
    /// - Parameters:
    ///   - eachChunk: nil: only the logits after the last token are computed.
    ///   - cancel: looked at instead of this session's own flag.
    func append(
        _ new: UnsafeBufferPointer<Int32>, plannedLength: Int? = nil, eachChunk: ((Int, Int) throws -> Void)?,
        cancel: UnsafePointer<UInt32>? = nil
    ) throws {
        let pending = try prepare(new, plannedLength: plannedLength)
        while try !advance(pending, eachChunk: eachChunk, cancel: cancel) {}
    }

    /// Tokens that lie in `storage` after the session's own, to be processed chunk by chunk.
    struct PendingTokens {
        /// The session's length with them.
        var total: Int
        /// The length that it will reach with later calls.
        var planned: Int
    }

    /// Puts tokens behind the session's own, for `advance` to process them. Forgets the state where it must be computed again for them.
    func prepare(_ new: UnsafeBufferPointer<Int32>, plannedLength: Int? = nil) throws -> PendingTokens {
        guard !new.isEmpty else { throw HadalError(.invalidArgument, "nothing to append") }
        try checkRoom(for: new.count)
        for token in new { try engine.checkVocabulary(token) }
        if engine.model.description.graph.needsWholeSequences {
            guard count == 0, new.count <= engine.batchTokens else { throw engine.splitSequence(new.count, after: count) }
        }
        let planned = count + new.count
        for i in 0..<new.count { storage[count + i] = new[i] }
        let whole = max(planned, plannedLength ?? 0), regime = engine.ropeRegime(of: whole)
        // On the other side of a rope switch every key must be rotated again: the state is rebuilt from the tokens, which stay in storage.
        if count > 0, plannedLength == nil, regime != ropeRegime { try rollBack(to: 0) }
        try recoverState()
        if count == 0 { ropeRegime = regime }
        return PendingTokens(total: planned, planned: whole)
    }

    /// - Throws: `contextFull` when so many tokens more do not fit.
    func checkRoom(for new: Int) throws {
        guard new <= contextLength - count else {
            throw HadalError(
                .contextFull, "the context holds \(contextLength) tokens: \(count) are used and \(new) more do not fit",
                hint: [engine.plan.longerContext, "or start a new session"])
        }
    }

    /// Processes the next chunk of pending tokens.
    ///
    /// - Returns: whether it was the last.
    private func advance(
        _ pending: PendingTokens, eachChunk: ((Int, Int) throws -> Void)? = nil, cancel: UnsafePointer<UInt32>? = nil
    ) throws -> Bool {
        var part = nextPart(of: pending)
        if eachChunk != nil { part.wantedRows = part.count }
        try run(part, cancel: cancel) { part, logits in
            try eachChunk?(count, part.count)
            accept(part, of: pending, logits: logits)
        }
        return count == pending.total
    }

    /// The next chunk of pending tokens as a part of a step.
    ///
    /// - Parameter usual: tokens of a chunk that others wait for; nil: as many as a step takes.
    func nextPart(of pending: PendingTokens, usual: Int? = nil) -> StepPart {
        hasLogits = false
        let left = pending.total - count, replayed = replayedTokens
        let size = Self.chunk(of: left, usual: usual, most: engine.batchTokens - replayed)
        return StepPart(
            session: self, count: size, plannedLength: pending.planned, wantedRows: size == left ? 1 : 0, replayed: replayed)
    }

    /// How many of so many tokens come next. A rest of a few would be computed in the way of single tokens, whose last bits may differ: no
    /// chunk leaves one, so that results do not depend on where a prompt is cut.
    static func chunk(of left: Int, usual: Int?, most: Int) -> Int {
        let size = min(left, usual ?? most, most), rest = left - size
        guard rest > 0, rest < leastChunk, most >= 2 * leastChunk else { return size }
        return left <= most ? left : left - leastChunk
    }

    /// Tokens from which every kernel takes the way of many.
    static let leastChunk = 16

    /// Moves on over a part that has run.
    func accept(_ part: StepPart, of pending: PendingTokens, logits: UnsafePointer<Float>) {
        count += part.count
        guard count == pending.total else { return }
        keepLogits(logits + (part.wantedRows - 1) * engine.resultWidth)
        hasLogits = true
    }

    /// Runs a step of this session alone. Allocates nothing.
    ///
    /// - Parameter cancel: looked at instead of this session's own flag.
    func run(_ part: StepPart, cancel: UnsafePointer<UInt32>? = nil, take: (StepPart, UnsafePointer<Float>) throws -> Void) throws {
        var parts = CollectionOfOne(part)
        try engine.step(&parts, cancel: cancel ?? cancelFlag.address, take: take)
    }

    /// - Parameter row: `[vocabulary]`: the logits after the last token.
    func keepLogits(_ row: UnsafePointer<Float>) { logitStorage.baseAddress?.update(from: row, count: logitStorage.count) }

    /// Makes sure of the pages of a part, without some of its drafts if need be.
    func reservePages(for part: inout StepPart, _ state: inout Engine.State) throws {
        do { try reservePages(upTo: count + part.count, &state) } catch let error as HadalError
            where error.code == .contextFull && part.hasDrafts
        {
            try reservePages(upTo: count + 1, &state)
            part.count = min(part.count, pages.count * engine.pageTokens - count)
            part.wantedRows = part.count
        }
    }

    /// Makes sure that pages exist for `length` tokens and that the ones to be written are this session's alone.
    func reservePages(upTo length: Int, _ state: inout Engine.State) throws {
        let size = engine.pageTokens
        let firstWritten = (count - replayedTokens) / size
        for index in firstWritten..<max(pages.count, firstWritten) where index <= count / size && state.pool.isShared(pages[index]) {
            let page = try engine.takePage(&state)
            try engine.program.copyPage(from: Int(pages[index]), to: Int(page))
            state.pool.release(pages[index])
            pages[index] = page
        }
        while pages.count * size < length { pages.append(try engine.takePage(&state)) }
    }

    /// Forgets all tokens after the first `length`.
    public func rollBack(to length: Int) throws {
        guard length >= 0, length <= count else {
            throw HadalError(.invalidArgument, "cannot roll back to \(length): the session holds \(count) tokens")
        }
        guard length < count else { return }
        engine.state.withLock { state in
            publish(&state)
            cutPages(to: (length + engine.pageTokens - 1) / engine.pageTokens, &state)
            prediction?.rollBack(to: length)
            if length == 0 {
                restoreState(nil)
            } else if (slots.missing(of: length) ?? .max) > engine.pageTokens {
                loseState()
            }
        }
        if length > 0 { chain?.cut(to: length) } else { chain = nil }
        count = length
        hasLogits = false
        engine.state.withLock { _ in if !lacksState { engine.fixedStates?.settle(self) } }
    }

    /// A session with the same tokens and state. Costs no copy until one of the two writes to a shared page.
    public func fork() -> Session {
        let copy = Session(engine: engine, contextLength: contextLength, cacheUse: cacheUse)
        for i in 0..<count { copy.storage[i] = storage[i] }
        (copy.count, copy.publishes, copy.chain, copy.ropeRegime) = (count, publishes, chain, ropeRegime)
        let needed = (count + engine.pageTokens - 1) / engine.pageTokens
        engine.state.withLock { state in
            for i in 0..<needed {
                state.pool.retain(pages[i])
                copy.pages.append(pages[i])
            }
            if let prediction {
                copy.prediction?.release()
                copy.prediction = prediction.fork(contextLength: contextLength)
            }
            copy.lacksState = lacksState
            do { try engine.snapshotStates?.copyState(of: self, to: copy) } catch { copy.loseState() }
        }
        copy.draft = draft?.fork()
        if hasLogits {
            copy.logitStorage.baseAddress?.update(from: logitStorage.baseAddress!, count: logitStorage.count)
            copy.hasLogits = true
        }
        return copy
    }
}
