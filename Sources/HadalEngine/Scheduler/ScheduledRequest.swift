import HadalBackend
import HadalCache
import HadalCore
import HadalText

/// Where a request stands among those that wait.
struct QueuePlace {
    let priority: Int
    let arrival: ContinuousClock.Instant
    /// By order of arrival.
    let number: Int

    /// Whether it is admitted before another: the more important, of equals the older.
    ///
    /// - Parameter ageing: the time in which a waiting request gains one priority.
    func isBefore(_ other: QueuePlace, now: ContinuousClock.Instant, ageing: Duration) -> Bool {
        func importance(_ place: QueuePlace) -> Double { Double(place.priority) + ((now - place.arrival) / ageing).rounded(.down) }
        let (mine, others) = (importance(self), importance(other))
        return mine > others || mine == others && number < other.number
    }
}

/// A request in a scheduler's hands. Touched on the engine's thread alone, but for what never changes.
final class ScheduledRequest: @unchecked Sendable {
    let origin: GenerationRun.Start
    let promptTokens: Int
    let options: GenerationOptions
    let place: QueuePlace
    let deadline: ContinuousClock.Instant?
    let choices: [ScheduledChoice]
    private let cacheUse: CacheUse
    /// Chunks of the prompt that have run.
    var chunks = 0

    /// - Throws: what tokenizing and rendering meet; `invalidArgument` for settings out of range; `contextFull` for a prompt that does not
    ///   fit a context, or a request that does not fit the cache.
    init(_ request: GenerationRequest, number: Int, choices: [ScheduledChoice], engine: Engine) throws {
        place = QueuePlace(priority: request.priority, arrival: .now, number: number)
        (deadline, self.choices) = (request.deadline, choices)
        cacheUse = CacheUse(
            salt: request.salt, isKeptOnDisk: request.isKeptOnDisk, seal: request.sealingKey.map { SealingKeys($0) })
        var options = request.options
        try options.check()
        try options.sampling.validate()
        options.sampling.seed = options.sampling.seed ?? UInt64.random(in: 0...UInt64(Int64.max))
        self.options = options
        switch request.prompt {
        case .tokens(let ids): origin = .text(ids)
        case .text(let text): origin = .text(try engine.encodePrompt(text))
        case .chat(let chat): origin = .chat(try engine.withKnownAnswers(try engine.chatPrompt(chat), cacheUse))
        case .prepared(let prompt): origin = .chat(try engine.withKnownAnswers(prompt, cacheUse))
        }
        promptTokens = origin.ids.count
        guard promptTokens > 0 else { throw HadalError(.invalidArgument, "the prompt is empty", hint: "give it some text") }
        for token in origin.ids { try engine.checkVocabulary(token) }
        guard promptTokens <= engine.contextLength else {
            throw HadalError(
                .contextFull, "the prompt of \(promptTokens) tokens does not fit the context of \(engine.contextLength)",
                hint: [engine.plan.longerContext])
        }
        let size = engine.pageTokens
        let answer = min(options.tokenLimit(promptLength: promptTokens) ?? .max, engine.contextLength)
        let longest = min(promptTokens + answer, engine.contextLength)
        let whole = (longest + size - 1) / size, shared = promptTokens / size
        let pages = whole + (choices.count - 1) * (whole - shared)
        guard pages <= engine.program.pageCount else {
            throw HadalError(
                .contextFull,
                "\(choices.count) answers of up to \(longest - promptTokens) tokens to a prompt of \(promptTokens) need a cache of \(pages * size) tokens, and there are \(engine.program.pageCount * size)",
                hint: ["ask for fewer tokens", .raise(.cacheTokens)])
        }
    }

    var isOver: Bool { choices.allSatisfy(\.isOver) }

    /// Lets answers begin that can: the first that is wanted computes the prompt, and the others begin with what it leaves.
    func begin(_ engine: Engine) {
        let wanted = choices.filter { !$0.isOver }
        guard wanted.contains(where: { $0.run == nil }) else { return }
        do {
            guard let first = wanted.first(where: { $0.run != nil }), let run = first.run else {
                wanted[0].begin(
                    try makeRun(wanted[0], Session(engine: engine, contextLength: engine.contextLength, cacheUse: cacheUse)), like: nil)
                return
            }
            guard run.hasPrompt, !first.isSuspended else { return }
            for choice in wanted where choice.run == nil { choice.begin(try makeRun(choice, run.session.fork()), like: first) }
        } catch { wanted.forEach { $0.fail(error) } }
    }

    private func makeRun(_ choice: ScheduledChoice, _ session: Session) throws -> GenerationRun {
        var options = options
        options.sampling.seed = options.sampling.seed.map { $0 &+ UInt64(choice.index) }
        return try GenerationRun(session, from: origin, options: options, chunkTokens: session.engine.promptChunk)
    }

    /// Pages that it needs to begin, or to go on for a while, beyond those that it has.
    func pagesNeeded(_ engine: Engine) -> Int {
        let begun = choices.filter { $0.run != nil }
        guard !begun.isEmpty else { return promptTokens / engine.pageTokens + choices.count }
        return begun.reduce(0) { $0 + ($1.isSuspended ? 0 : $1.pagesNeeded(promptTokens: promptTokens)) }
    }

    /// Ends choices that nobody waits for, that were cancelled, and all at the deadline.
    func endWhereDue(now: ContinuousClock.Instant) {
        let isLate = deadline.map { now >= $0 } ?? false
        for choice in choices where !choice.isOver {
            if choice.isAbandoned.isSet {
                choice.fail(HadalError(.cancelled, "nobody waits for the answer"))
            } else if isLate || choice.stopFlag.isSet {
                let reason: GenerationSummary.Reason = isLate ? .deadline : .cancelled
                if choice.run?.hasBegun ?? false {
                    choice.stop(reason)
                } else {
                    choice.endUnanswered(reason, promptTokens: promptTokens)
                }
            }
        }
    }
}

extension GenerationRun.Start {
    /// The prompt; empty for what the session holds.
    var ids: [Int32] {
        switch self {
        case .session: []
        case .text(let ids): ids
        case .chat(let prompt): prompt.ids
        }
    }
}
