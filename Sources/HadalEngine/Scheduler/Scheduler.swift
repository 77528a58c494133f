import HadalBackend
import HadalCache
import HadalCore
import Synchronization

/// Runs any number of requests on one engine, with their steps in common: weights are read once for all of them.
///
/// A step takes one token, or one and its drafts, of every answer that has begun, then chunks of prompts, up to a number of tokens. Requests
/// join and leave between steps. What a request gets does not depend on its neighbours: with a backend that promises stable steps its
/// logits have the bits that they have when it runs alone here.
///
/// Thread safety: any thread may submit. The steps run on the engine's own thread and take turns with whatever else uses the engine.
public final class Scheduler: Sendable {
    public struct Options: Sendable {
        /// Requests that may wait; one more is refused.
        public var queueLimit: Int
        /// Most tokens of a step while no answer waits for it; nil: as many as the engine takes.
        public var stepTokens: Int?
        /// A waiting request gains one priority each time this passes, so that none waits forever behind more important ones.
        public var ageing: Duration

        public init(queueLimit: Int = 256, stepTokens: Int? = nil, ageing: Duration = .seconds(10)) {
            self.queueLimit = queueLimit
            self.stepTokens = stepTokens
            self.ageing = ageing
        }
    }

    /// What a scheduler is doing.
    public struct Status: Sendable, Equatable {
        /// Requests that wait to be admitted, and those that are worked on.
        public var waiting = 0
        public var running = 0
        /// Since the scheduler began: tokens of prompts that were computed, and of answers that were computed again; tokens that were chosen; steps.
        public var prefillTokens = 0
        public var generatedTokens = 0
        public var steps = 0
        /// Times that an answer gave its pages to others and waited for them.
        public var suspensions = 0
    }

    /// Chunks of prompts end at multiples of this, so that no answer waits longer for its next token and none depends on what else a step
    /// has room for.
    static let chunkTokens = 128

    public let engine: Engine
    public let options: Options
    private let state: Mutex<State>

    private struct State {
        var waiting: [ScheduledRequest] = []
        var status = Status()
        var nextNumber = 0
        /// A job of the engine's thread is there that takes the next step.
        var isActive = false
        var isClosed = false
    }

    /// Touched on the engine's thread alone.
    private final class Work: @unchecked Sendable {
        var running: [ScheduledRequest] = []
        var steps = 0

        /// Answers whose pages were taken, the oldest first.
        var suspended: [(request: ScheduledRequest, choice: ScheduledChoice)] {
            running.flatMap { request in request.choices.filter { $0.isSuspended && !$0.isOver }.map { (request, $0) } }
        }
    }
    private let work = Work()

    public init(_ engine: Engine, options: Options = Options()) {
        (self.engine, self.options) = (engine, options)
        state = Mutex(State())
    }

    public var status: Status { state.withLock { $0.status } }

    /// Takes a request.
    ///
    /// Renders and tokenizes its prompt on the calling thread; waits for nothing else.
    /// - Returns: the request's answers, as many as it has choices.
    /// - Throws: `limitExceeded` when the queue is full or there are more choices than sequences in a step; `contextFull` for a prompt that
    ///   does not fit; `invalidArgument` for a setting out of range; `cancelled` after `close`; as `Engine.chatPrompt`.
    public func submit(_ request: GenerationRequest) throws -> [ScheduledGeneration] {
        guard request.choices > 0, request.choices <= engine.batchSequences else {
            throw HadalError(.limitExceeded, "\(request.choices) answers to a prompt; 1 to \(engine.batchSequences) are possible")
        }
        let number = try state.withLock { state in
            try checkQueue(state)
            state.nextNumber += 1
            return state.nextNumber
        }
        let pairs = (0..<request.choices).map { index in
            let (events, continuation) = AsyncThrowingStream.makeStream(of: GenerationEvent.self, throwing: (any Error).self)
            return (choice: ScheduledChoice(index: index, continuation), events: events)
        }
        let made = try ScheduledRequest(request, number: number, choices: pairs.map(\.choice), engine: engine)
        let starts = try state.withLock { state in
            try checkQueue(state)
            state.waiting.append(made)
            state.status.waiting = state.waiting.count
            defer { state.isActive = true }
            return !state.isActive
        }
        if starts { continueLater() }
        return pairs.map { ScheduledGeneration($0.choice, $0.events) }
    }

    private func checkQueue(_ state: State) throws {
        guard !state.isClosed else { throw HadalError(.cancelled, "the scheduler takes no more requests") }
        guard state.waiting.count < options.queueLimit else {
            throw HadalError(
                .limitExceeded, "the queue is full: \(state.waiting.count) requests wait", hint: "try again when some of them are done")
        }
    }

    /// Takes no more requests, and ends those that wait or run with what they have.
    public func close() {
        state.withLock { $0.isClosed = true }
    }

    // MARK: Steps

    private func continueLater() { engine.thread.submit { self.step() } }

    /// Runs one step, and comes back for the next.
    private func step() {
        let now = ContinuousClock.now
        let isClosed = state.withLock { $0.isClosed }
        admit(now: now)
        resume()
        for request in work.running {
            if isClosed { request.choices.forEach { $0.stopFlag.set() } }
            request.endWhereDue(now: now)
            request.begin(engine)
            for choice in request.choices { choice.proceed() }
        }
        work.running.removeAll(where: \.isOver)
        let batch = nextBatch()
        for group in batch.groups { run(group) }
        let goesOn = state.withLock { state in
            state.status.running = work.running.count
            state.status.prefillTokens += batch.prefillTokens
            state.status.generatedTokens += batch.decodeTokens
            if !batch.groups.isEmpty { state.status.steps += 1 }
            state.isActive = !work.running.isEmpty || !state.waiting.isEmpty
            return state.isActive
        }
        if goesOn { continueLater() }
    }

    /// Lets requests begin that fit beside those that run, the most important first, of equals the oldest. One that does not fit yet is
    /// waited for by all behind it.
    private func admit(now: ContinuousClock.Instant) {
        var sequences = engine.batchSequences - work.running.reduce(0) { $0 + $1.choices.count }
        // Those whose pages were taken go on first.
        var pages = work.suspended.isEmpty && state.withLock({ !$0.waiting.isEmpty }) ? sparePages() : 0
        let admitted = state.withLock { state in
            for request in state.waiting { request.endWhereDue(now: now) }
            if state.isClosed { for request in state.waiting { request.choices.forEach { $0.endUnanswered(.cancelled, promptTokens: 0) } } }
            state.waiting.removeAll(where: \.isOver)
            var admitted: [ScheduledRequest] = []
            while let best = state.waiting.indices.min(by: {
                state.waiting[$0].place.isBefore(state.waiting[$1].place, now: now, ageing: options.ageing)
            }) {
                let next = state.waiting[best], needed = next.pagesNeeded(engine)
                guard next.choices.count <= sequences, needed <= pages || work.running.isEmpty && admitted.isEmpty else { break }
                sequences -= next.choices.count
                pages -= needed + next.choices.count * Self.headroom
                admitted.append(state.waiting.remove(at: best))
            }
            state.status.waiting = state.waiting.count
            return admitted
        }
        work.running += admitted
    }

    /// Pages for each answer that shall be free when another begins, so that it can go on for a while.
    private static let headroom = 2

    /// Pages that nobody uses, nor will before long.
    private func sparePages() -> Int {
        let needed = work.running.reduce(0) {
            $0 + $1.pagesNeeded(engine) + $1.choices.count { !$0.isOver && !$0.isSuspended } * Self.headroom
        }
        return engine.state.withLock { $0.availablePages } - needed
    }

    /// Lets answers go on whose pages were taken, the oldest first, as far as there are pages; the oldest of all in any case.
    private func resume() {
        guard !work.suspended.isEmpty else { return }
        var pages = sparePages()
        var isAlone = work.running.allSatisfy { $0.choices.allSatisfy { $0.isOver || $0.isSuspended || $0.run == nil } }
        for (request, choice) in work.suspended {
            let needed = choice.pagesNeeded(promptTokens: request.promptTokens)
            guard isAlone || needed <= pages else { return }
            choice.resume()
            isAlone = false
            pages -= needed + Self.headroom
        }
    }

    /// Takes the pages of the answer that began last, of those that matter least.
    ///
    /// - Returns: whether another is left that can use them.
    private func suspendOne() -> Bool {
        let active = work.running.flatMap { request in
            request.choices.filter { !$0.isOver && !$0.isSuspended && $0.run != nil }.map { (place: request.place, choice: $0) }
        }
        guard active.count > 1 else { return false }
        let last = active.min { a, b in
            (a.place.priority, -a.place.number, -a.choice.index) < (b.place.priority, -b.place.number, -b.choice.index)
        }
        last?.choice.suspend()
        state.withLock { $0.status.suspensions += 1 }
        return true
    }

    /// What a step is made of.
    private struct Batch {
        /// Each is a step of the model.
        var groups: [[Member]] = []
        var prefillTokens = 0
        var decodeTokens = 0
    }

    private struct Member {
        let request: ScheduledRequest
        let choice: ScheduledChoice
        var part: StepPart
        let isPrefill: Bool
    }

    private func nextBatch() -> Batch {
        var decoding: [Member] = [], prefilling: [Member] = []
        for request in work.running {
            for choice in request.choices {
                guard let part = choice.part else { continue }
                let member = Member(request: request, choice: choice, part: part, isPrefill: choice.isPrefilling)
                if member.isPrefill { prefilling.append(member) } else { decoding.append(member) }
            }
        }
        // In turns the oldest, so that it always goes on, and the one that got the least, so that a short prompt does not wait for a long one.
        let byAge = work.steps % 2 == 0
        prefilling.sort { a, b in
            let isOlder = a.request.place.number < b.request.place.number
            return byAge || a.request.chunks == b.request.chunks ? isOlder : a.request.chunks < b.request.chunks
        }
        work.steps += 1
        var batch = Batch()
        let limit = min(options.stepTokens ?? engine.batchTokens, engine.batchTokens)
        var chosen = decoding
        var tokens = decoding.reduce(0) { $0 + $1.part.stepTokens }
        // Blocks that are being computed. Whoever needs the same waits, to find them.
        var blocks: Set<BlockKey> = []
        for member in prefilling {
            let own = member.choice.run?.promptBlocks(of: member.part) ?? []
            // One chunk in any case, and more of them where no answer waits.
            let isFirst = batch.prefillTokens == 0, isKnownSoon = own.first.map(blocks.contains) ?? false
            guard !isKnownSoon, isFirst || decoding.isEmpty && tokens + member.part.stepTokens <= limit else {
                member.choice.clearPart()
                continue
            }
            blocks.formUnion(own)
            batch.prefillTokens += member.part.count
            if tokens + member.part.stepTokens <= engine.batchTokens, chosen.count < engine.batchSequences {
                chosen.append(member)
                tokens += member.part.stepTokens
            } else {
                batch.groups.append([member])
            }
        }
        batch.decodeTokens = decoding.reduce(0) { $0 + ($1.part.hasDrafts ? 1 : $1.part.count) }
        batch.groups += groups(of: chosen)
        // Drafts share the rows of logits that a step gives, and each prompt that ends takes one.
        let drafts = decoding.isEmpty ? Int.max : (engine.program.bounds.rows - prefilling.count) / decoding.count - 1
        for request in work.running { for choice in request.choices { choice.run?.mostDrafts = max(drafts, 0) } }
        return batch
    }

    /// Float weights take few rows and many in ways that differ in the last bits: a part then goes with those of its own kind, and one of
    /// many tokens on its own.
    private func groups(of members: [Member]) -> [[Member]] {
        guard engine.sumsDependOnRows, members.count > 1 else { return members.isEmpty ? [] : [members] }
        var groups: [[Member]] = [], few: [Member] = [], rows = 0
        for member in members {
            if member.part.stepTokens >= Session.leastChunk { groups.append([member]); continue }
            if rows + member.part.stepTokens >= Session.leastChunk {
                groups.append(few)
                (few, rows) = ([], 0)
            }
            few.append(member)
            rows += member.part.stepTokens
        }
        return (few.isEmpty ? [] : [few]) + groups
    }

    private func run(_ members: [Member]) {
        let members = members.filter { !$0.choice.isSuspended }
        guard !members.isEmpty else { return }
        var parts = members.map(\.part)
        do {
            var index = 0
            try engine.step(&parts, cancel: nil) { part, logits in
                members[index].choice.accept(part, logits: logits)
                index += 1
            }
            for member in members {
                member.choice.clearPart()
                if let session = member.choice.run?.session, session.hasNewBlocks { session.publish() }
                if member.isPrefill { member.request.chunks += 1 }
            }
        } catch {
            if (error as? HadalError)?.code == .contextFull, suspendOne() { return run(members) }
            // One that fails alone must not take the others with it.
            guard members.count == 1 else {
                for member in members { run([member]) }
                return
            }
            fail(members[0].choice, error)
        }
    }

    private func fail(_ choice: ScheduledChoice, _ error: any Error) {
        choice.clearPart()
        do { try choice.run?.fail(error) } catch { choice.fail(error) }
    }
}
