import HadalConstraints
import HadalCore
import HadalText
import TestSupport
import Testing

@testable import HadalEngine

/// Where a constraint leaves one text, its tokens go into the session without being sampled.
@Suite("Forced tokens")
struct ForcedTokensTests {
    private static let text = "{the first name of it}: "
    private static let constraint = Result { try TextConstraint.regex("[a-f]\\{the first name of it\\}: [0-9]{2}, and then \\{it\\}[0-9]") }

    private static func options(_ change: (inout GenerationOptions) -> Void = { _ in }) throws -> GenerationOptions {
        var options = GenerationOptions(constraint: try constraint.get())
        options.sampling = SamplingOptions(temperature: 1.5, topK: 0, topP: 1, seed: 5)
        change(&options)
        return options
    }

    /// What a generation gave, and the logits that its session has then.
    private struct Outcome: Equatable {
        var tokens: [Int32] = []
        var logProbabilities: [UInt64] = []
        var reason: GenerationSummary.Reason?
        var session: [Int32] = []
        var logits: [UInt32] = []
    }

    private func outcome(_ engine: Engine, _ options: GenerationOptions, stopAfter: Int = .max) throws -> Outcome {
        let session = engine.makeSession()
        try session.append(try engine.encodePrompt("abc"))
        var outcome = Outcome()
        try session.generate(options) { event in
            switch event {
            case .token(let token): outcome.tokens.append(token)
            case .logProbabilities(let chosen, let best):
                outcome.logProbabilities += ([chosen] + best).map(\.logProbability.bitPattern)
            case .finished(let summary): outcome.reason = summary.reason
            default: break
            }
            return outcome.tokens.count < stopAfter ? .continue : .stop
        }
        outcome.session = session.tokens
        outcome.logits = session.hasLogits ? session.logits.map(\.bitPattern) : []
        return outcome
    }

    /// The logits after the same tokens, each in a step of its own.
    private func logits(_ engine: Engine, _ tokens: [Int32]) throws -> [UInt32] {
        let session = engine.makeSession()
        let prompt = try engine.encodePrompt("abc")
        try session.append(prompt)
        for token in tokens.dropFirst(prompt.count) { try session.append([token]) }
        return session.logits.map(\.bitPattern)
    }

    @Test("they are those of the tokenizer, many to a step, and leave the bits of single steps", arguments: ["cpu", "reference"])
    func together(_ backend: String) async throws {
        let engine = try RandomModel.engine(backend)
        let tokenizer = try engine.requireTokenizer()
        let scheduler = Scheduler(engine)
        let replies = try scheduler.submit(GenerationRequest(.text("abc"), options: try Self.options(), choices: 2))
        for generation in replies {
            let reply = try await generation.reply()
            #expect(reply.answer.wholeMatch(of: /[a-f]\{the first name of it\}: [0-9]{2}, and then \{it\}[0-9]/) != nil, "\(reply.answer)")
            let whole = try tokenizer.encode("{the first name of it", parseSpecial: false)
            #expect(reply.tokens.dropFirst().starts(with: whole), "\(reply.tokens) \(whole)")
            #expect(reply.summary.generatedTokens == reply.tokens.count && reply.summary.reason == .endOfText)
        }
        // Two answers side by side, each of them of more tokens than there are steps.
        let status = scheduler.status
        #expect(status.steps * 2 < status.generatedTokens, "\(status)")

        let cut = try outcome(engine, try Self.options { $0.maxTokens = 9 })
        #expect(cut.tokens.count == 9 && cut.reason == .length && cut.session.suffix(9) == cut.tokens[...])
        #expect(try cut.logits == logits(engine, cut.session))
        let stopped = try outcome(engine, try Self.options(), stopAfter: 4)
        #expect(
            stopped.tokens == Array(cut.tokens.prefix(4)) && stopped.reason == .cancelled
                && stopped.session.suffix(4) == stopped.tokens[...])
        #expect(try stopped.logits == logits(engine, stopped.session))
    }

    @Test("their log probabilities are those of steps of their own")
    func logProbabilities() throws {
        let engine = try RandomModel.engine { options, _ in options.batchSequences = 8 }
        let free = try outcome(engine, try Self.options { $0.maxTokens = 20 })
        let with = try outcome(engine, try Self.options { ($0.maxTokens, $0.logProbabilities) = (20, 2) })
        #expect(with.tokens == free.tokens && with.session == free.session && with.logits == free.logits)
        let session = engine.makeSession()
        try session.append(try engine.encodePrompt("abc"))
        var expected: [UInt64] = []
        for token in free.tokens {
            let event = try GenerationEvent.logProbabilities(of: token, session.logits, count: 2, tokenizer: engine.tokenizer, position: 0)
            guard case .logProbabilities(let chosen, let best) = event else { continue }
            expected += ([chosen] + best).map(\.logProbability.bitPattern)
            try session.append([token])
        }
        #expect(with.logProbabilities == expected)
        let stopped = try outcome(engine, try Self.options { $0.logProbabilities = 0 }, stopAfter: 5)
        #expect(stopped.session.suffix(5) == free.tokens.prefix(5) && stopped.tokens.count == 5)
    }

    @Test("drafts change nothing", arguments: [nil, 1])
    func drafts(_ logProbabilities: Int?) throws {
        let engine = try RandomModel.engine { options, path in
            options.speculation = SpeculationOptions(.draft(path: path), maxDraftTokens: 4, isAdaptive: false)
        }
        for seed in 0..<4 {
            func run(_ speculates: Bool) throws -> Outcome {
                try outcome(
                    engine,
                    try Self.options {
                        $0.speculates = speculates
                        $0.logProbabilities = logProbabilities
                        $0.sampling = seed == 0 ? .greedy : SamplingOptions(temperature: 1, topK: 0, topP: 1, seed: UInt64(seed))
                        $0.maxTokens = 20 + seed
                    })
            }
            let (with, without) = (try run(true), try run(false))
            #expect(with == without, "\(seed)")
        }
    }

    @Test("a token that the settings forbid is not forced")
    func suppressed() throws {
        let engine = try RandomModel.engine()
        let tokenizer = try engine.requireTokenizer()
        let word = try #require(
            (0..<Int32(tokenizer.count)).first { id in
                let text = try tokenizer.decode([id])
                return try text.utf8.count > 1 && text.utf8.allSatisfy { (97...122).contains($0) }
                    && tokenizer.encode(text + "0", parseSpecial: false).first == id
            })
        let text = try tokenizer.decode([word])
        let outcome = try outcome(
            engine,
            try Self.options {
                $0.constraint = try? .regex("\(text)[0-9]")
                $0.sampling.suppressed.always = [word]
            })
        #expect(!outcome.tokens.contains(word) && outcome.reason == .endOfText)
        #expect(try tokenizer.decode(outcome.tokens).dropLast() == text)
    }

    @Test("a mask is found once, by the thread that comes first")
    func masks() throws {
        let vocabulary = TokenVocabulary((0..<128).map { [UInt8($0)] }, endTokens: [])
        let matcher = ConstraintMatcher(try TextConstraint.regex("[a-c]").compiled, vocabulary)
        let worker = EngineThread(name: "test")
        for _ in 0..<50 {
            let jobs = (0..<8).map { _ in MaskJob(matcher, reusing: TokenMask(tokenCount: 128)) }
            for job in jobs { worker.submit { job.run() } }
            for job in jobs.reversed() { #expect(try job.result().tokens == [97, 98, 99]) }
        }
    }
}
