import HadalBackend
import HadalCore
import Synchronization

/// One timeline of tokens with its state: append, look at the logits, roll back, fork, save.
///
/// Forked sessions share the pages of their common prefix until one of them writes. Thread safety: one thread at a time for
/// each session (`cancel()` may come from any); different sessions may be used from different threads, their steps take turns.
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
    /// Follows this session when the engine drafts with the model's own prediction layer.
    var prediction: PredictionState?
    /// Follows this session when the engine drafts with another model; made by the first generation that does.
    var draft: Session?

    init(engine: Engine, contextLength: Int) {
        self.engine = engine
        self.contextLength = contextLength
        storage = .allocate(capacity: contextLength)
        pages = PageList(capacity: (contextLength + engine.pageTokens - 1) / engine.pageTokens)
        logitStorage = .allocate(capacity: engine.vocabularySize)
        logitStorage.initialize(repeating: 0)
        prediction = engine.makePredictionState()
    }

    deinit {
        engine.state.withLock { state in
            for i in 0..<pages.count { state.pool.release(pages[i]) }
            prediction?.release()
        }
        storage.deallocate()
        logitStorage.deallocate()
    }

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
        try append(new, eachRow: nil)
    }

    /// Appends tokens and gives each chunk's logits, as `append(_:eachRow:)` does.
    ///
    /// - Parameter plannedLength: the length the session will reach with later calls; nil: with this one. What depends on the length of
    ///   the whole (a rope switch) is computed for it from the start, so that nothing has to be rebuilt.
    package func append(_ new: [Int32], plannedLength: Int? = nil, eachChunk: (Int, Int) throws -> Void) throws {
        clearCancellation()
        try withoutActuallyEscaping(eachChunk) { body in
            try new.withUnsafeBufferPointer { try append($0, plannedLength: plannedLength, eachRow: body) }
        }
    }

    /// Forgets a `cancel()` that came too early to be meant for what starts now.
    func clearCancellation() { cancelFlag.clear() }

    /// Whether `cancel()` was called since.
    var isCancelled: Bool { cancelFlag.isSet }

    /// Appends tokens; `eachRow` receives the logits `[rows, vocabulary]` of each chunk, with the index of its first token.
    ///
    /// - Parameter cancel: looked at instead of this session's own flag.
    func append(
        _ new: UnsafeBufferPointer<Int32>, plannedLength: Int? = nil, eachRow: ((Int, Int) throws -> Void)?,
        cancel: UnsafePointer<UInt32>? = nil
    ) throws {
        guard !new.isEmpty else { throw HadalError(.invalidArgument, "nothing to append") }
        guard new.count <= contextLength - count else {
            throw HadalError(
                .contextFull, "the context holds \(contextLength) tokens: \(count) are used and \(new.count) more do not fit",
                hint: [.raise(.contextLength), "or start a new session"])
        }
        for token in new where token < 0 || Int(token) >= engine.vocabularySize {
            throw HadalError(.invalidArgument, "token \(token) is outside the vocabulary of \(engine.vocabularySize)")
        }
        let planned = count + new.count
        for i in 0..<new.count { storage[count + i] = new[i] }
        // Past a rope switch every key must be rotated anew: the state is rebuilt from the tokens, which stay in storage.
        if count > 0, plannedLength == nil, engine.model.ropeSwitches.contains(where: { count <= $0 && planned > $0 }) {
            try rollback(to: 0)
        }
        try process(total: planned, planned: max(planned, plannedLength ?? 0), eachRow: eachRow,
            cancel: cancel ?? cancelFlag.address)
    }

    /// Runs the tokens from `count` up to `total`, which are already in `storage`, in chunks.
    private func process(
        total: Int, planned: Int, eachRow: ((Int, Int) throws -> Void)?, cancel: UnsafePointer<UInt32>
    ) throws {
        hasLogits = false
        while count < total {
            let size = min(total - count, engine.batchTokens)
            let isLast = count + size == total
            try engine.state.withLock { state in
                try reservePages(upTo: count + size, &state)
                let runner = engine.runner
                runner.begin()
                let wanted = eachRow != nil ? size : (isLast ? 1 : 0)
                let row = try runner.add(
                    UnsafeBufferPointer(rebasing: storage[count..<(count + size)]), past: count,
                    pageList: UnsafeBufferPointer(rebasing: pages.storage[..<pages.count]), plannedLength: planned,
                    wantedRows: wanted)
                try runner.run(cancel: cancel, trace: state.trace)
                recordHidden(row: 0, count: size)
                if let eachRow { try eachRow(count, size) }
                if isLast {
                    let source = runner.logits + (row + wanted - 1) * engine.vocabularySize
                    logitStorage.baseAddress?.update(from: source, count: engine.vocabularySize)
                }
            }
            count += size
            if isLast { hasLogits = true }
        }
    }

    /// Makes sure that pages exist for `length` tokens and that the ones to be written are this session's alone.
    func reservePages(upTo length: Int, _ state: inout Engine.State) throws {
        let size = engine.pageTokens
        let firstWritten = count / size
        if firstWritten < pages.count, state.pool.isShared(pages[firstWritten]) {
            let page = try engine.takePage(&state)
            try engine.program.copyPage(from: Int(pages[firstWritten]), to: Int(page))
            state.pool.release(pages[firstWritten])
            pages[firstWritten] = page
        }
        while pages.count * size < length { pages.append(try engine.takePage(&state)) }
    }

    /// Forgets all tokens after the first `length`.
    public func rollback(to length: Int) throws {
        guard length >= 0, length <= count else {
            throw HadalError(.invalidArgument, "cannot roll back to \(length): the session holds \(count) tokens")
        }
        guard length < count else { return }
        let needed = (length + engine.pageTokens - 1) / engine.pageTokens
        engine.state.withLock { state in
            while pages.count > needed { state.pool.release(pages.removeLast()) }
            prediction?.rollback(to: length)
        }
        count = length
        hasLogits = false
    }

    /// A session with the same tokens and state. Costs no copy until one of the two writes to a shared page.
    public func fork() -> Session {
        let copy = Session(engine: engine, contextLength: contextLength)
        for i in 0..<count { copy.storage[i] = storage[i] }
        copy.count = count
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
        }
        copy.draft = draft?.fork()
        if hasLogits {
            copy.logitStorage.baseAddress?.update(from: logitStorage.baseAddress!, count: logitStorage.count)
            copy.hasLogits = true
        }
        return copy
    }

    /// Takes over tokens whose state was written from a file. Called by `load`.
    func adopt(_ restored: [Int32]) {
        for i in 0..<restored.count { storage[i] = restored[i] }
        count = restored.count
        hasLogits = false
    }
}

extension Session {
    /// Appends one token to each of several sessions in one step: their weights are read once for all.
    ///
    /// - Throws: as `append`. On an error no session has changed.
    public static func append(_ entries: [(session: Session, token: Int32)]) throws {
        guard let engine = entries.first?.session.engine else { return }
        guard entries.allSatisfy({ $0.session.engine === engine }), Set(entries.map { ObjectIdentifier($0.session) }).count == entries.count
        else { throw HadalError(.invalidArgument, "a batch requires distinct sessions of one engine") }
        // Sessions that cross a rope switch, or more than fit one step, go on their own.
        let crossing = entries.contains { entry in engine.model.ropeSwitches.contains { entry.session.count == $0 } }
        guard entries.count <= engine.batchSequences, !crossing, engine.supportsBatches else {
            for entry in entries { try entry.session.append([entry.token]) }
            return
        }
        for (session, token) in entries {
            guard session.count < session.contextLength else {
                throw HadalError(.contextFull, "the context holds \(session.contextLength) tokens, and all are used", hint: [.raise(.contextLength)])
            }
            guard token >= 0, Int(token) < engine.vocabularySize else {
                throw HadalError(.invalidArgument, "token \(token) is outside the vocabulary of \(engine.vocabularySize)")
            }
        }
        try engine.state.withLock { state in
            let runner = engine.runner
            runner.begin()
            var rows: [Int] = []
            for (session, token) in entries {
                session.storage[session.count] = token
                try session.reservePages(upTo: session.count + 1, &state)
                rows.append(try runner.add(
                    UnsafeBufferPointer(rebasing: session.storage[session.count..<(session.count + 1)]), past: session.count,
                    pageList: UnsafeBufferPointer(rebasing: session.pages.storage[..<session.pages.count]),
                    plannedLength: session.count + 1, wantedRows: 1))
            }
            try runner.run(cancel: nil, trace: state.trace)
            for (index, (entry, row)) in zip(entries, rows).enumerated() {
                entry.session.recordHidden(row: index, count: 1)
                let source = runner.logits + row * engine.vocabularySize
                entry.session.logitStorage.baseAddress?.update(from: source, count: engine.vocabularySize)
                entry.session.count += 1
                entry.session.hasLogits = true
            }
        }
    }
}
