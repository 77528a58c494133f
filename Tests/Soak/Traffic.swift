import Hadal
import HadalConstraints
import HadalCore
import HadalServing
import Synchronization

/// What clients have done, together.
final class Counts: Sendable {
    private let numbers = Mutex((requests: 0, answers: 0, cancelled: 0, tokens: 0))

    var text: String {
        numbers.withLock { "\($0.requests) requests, \($0.answers) answers to their end, \($0.cancelled) given up, \($0.tokens) tokens" }
    }

    func begin() { numbers.withLock { $0.requests += 1 } }
    func end(tokens: Int, isCancelled: Bool) {
        numbers.withLock {
            $0.tokens += tokens
            if isCancelled { $0.cancelled += 1 } else { $0.answers += 1 }
        }
    }
}

/// The requests of one client.
final class Traffic {
    private let engine: Engine
    private var random: SplitMix64
    /// What was said last, to go on from.
    private var conversation: [Int32] = []
    /// Found once: making one is no part of what is tried here.
    private let constraint = try? TextConstraint.regex("([a-z]{1,9} ){3,12}[a-z]{1,9}")

    init(_ engine: Engine, seed: UInt64) {
        self.engine = engine
        random = SplitMix64(seed: seed)
    }

    private func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(limit, 1))) }
    private func chance(_ one: Int) -> Bool { below(one) == 0 }
    private func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(below(engine.vocabularySize)) } }

    /// One that takes all of a session.
    func longest() -> GenerationRequest {
        GenerationRequest(
            .tokens(ids(engine.contextLength - 4)), options: GenerationOptions(sampling: .greedy, maxTokens: 4, ignoreEndOfText: true))
    }

    /// Sends a request, and follows its answers or not.
    func request(through scheduler: Scheduler, _ counts: Counts) async throws {
        let most = engine.contextLength
        if conversation.count > most / 2 || chance(3) { conversation = [] }
        // Most prompts are short; some take much of the context.
        conversation += ids(1 + below(chance(8) ? most / 4 : min(most / 8, 300)))
        var options = GenerationOptions(maxTokens: 1 + below(chance(6) ? most / 4 : 64), ignoreEndOfText: true)
        options.sampling.seed = random.next()
        options.sampling.temperature = chance(2) ? 0 : 0.8
        if chance(4) { options.logProbabilities = below(5) }
        if chance(6), engine.tokenizer != nil { options.constraint = constraint }
        var request = GenerationRequest(.tokens(conversation), options: options)
        if chance(8) { request.choices = 1 + below(3) }
        if chance(10) { request.salt = "other" }
        if chance(10) { request.priority = below(3) }
        if chance(10) { request.deadline = .now + .milliseconds(1 + below(2000)) }
        counts.begin()
        let answers = try scheduler.submit(request)
        // Let go without a look at it.
        if chance(20) { return counts.end(tokens: 0, isCancelled: true) }
        let limit = chance(6) ? below(20) : Int.max
        for (index, answer) in answers.enumerated() {
            var tokens: [Int32] = []
            for try await event in answer {
                guard case .token(let id) = event else { continue }
                tokens.append(id)
                if tokens.count >= limit { answer.cancel() }
            }
            if index == 0 { conversation += tokens }
            counts.end(tokens: tokens.count, isCancelled: tokens.count >= limit)
        }
    }
}
