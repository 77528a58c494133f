import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
import HadalGraph
import HadalSynthesis
import HadalText
import TestSupport
import Testing

@testable import HadalEngine

/// Speculative decoding gives exactly the tokens that decoding without it gives.
@Suite("Speculative decoding")
struct SpeculationTests {
    /// Everything that a generation shows.
    private struct Answer: Equatable {
        var tokens: [Int32] = []
        var text = ""
        var reason: GenerationSummary.Reason?
        var session: [Int32] = []
        /// Of the session afterwards.
        var logits: [UInt32] = []
    }

    private static let llama = Fixtures.path("models/llama")
    private static let backends = ["reference", "cpu"]
    private static let withHead = ["deepseek_v3", "deepseek_v3_fp8"].flatMap { model in backends.map { (model, $0) } }

    private func engine(
        _ path: String, _ backend: String, _ source: SpeculationOptions.Source, drafts: Int = 7,
        _ change: (inout EngineOptions) -> Void = { _ in }
    ) throws -> Engine {
        var options = Golden.options(backend)
        options.speculation = SpeculationOptions(source)
        options.speculation.maxDraftTokens = drafts
        // Drafts in every step, whatever the clock says.
        options.speculation.isAdaptive = false
        change(&options)
        return try Engine(path: path, options: options)
    }

    private func answer(
        _ engine: Engine, _ prompt: [Int32], _ options: GenerationOptions, speculates: Bool = true, stopAfter: Int = .max
    ) throws -> (answer: Answer, summary: SpeculationSummary?) {
        let session = engine.makeSession()
        try session.append(prompt)
        return try answer(session, options, speculates: speculates, stopAfter: stopAfter)
    }

    private func answer(
        _ session: Session, _ options: GenerationOptions, speculates: Bool = true, stopAfter: Int = .max
    ) throws -> (answer: Answer, summary: SpeculationSummary?) {
        var options = options
        options.speculates = speculates
        var answer = Answer()
        let summary = try session.generate(options) { event in
            switch event {
            case .token(let id): answer.tokens.append(id)
            case .text(let text): answer.text += text
            case .finished(let summary): answer.reason = summary.reason
            case .reasoning, .textWasReasoning, .toolCall, .restored, .logProbabilities: break
            }
            return answer.tokens.count < stopAfter ? .continue : .stop
        }
        #expect(summary.reason == answer.reason && summary.generatedTokens == answer.tokens.count)
        answer.session = session.tokens
        if session.hasLogits { answer.logits = session.logits.map(\.bitPattern) }
        return (answer, summary.speculation)
    }

    private func greedy(_ tokens: Int) -> GenerationOptions {
        var options = GenerationOptions()
        options.sampling = .greedy
        options.maxTokens = tokens
        options.ignoreEndOfText = true
        return options
    }

    private func prompt(_ count: Int, seed: UInt64, below: Int32 = 384) -> [Int32] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<below, using: &random) }
    }

    /// A small model of random weights, with a tokenizer of its own.
    static func made(_ folder: String, size: Int) throws -> String {
        let config = """
            {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96,
             "vocab_size": \(size), "max_position_embeddings": 512, "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2}
            """
        let path = "\(folder)/\(size).gguf"
        try SyntheticModel(
            architecture: "llama", configuration: try JSONDocument(parsing: config, file: "config.json"), type: .f16,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
        ).write(to: path, seed: 3)
        return path
    }

    /// Greedy, sampled in several ways, penalised.
    private var manners: [GenerationOptions] {
        var plain = greedy(30)
        var hot = plain
        hot.sampling = SamplingOptions()
        hot.sampling.temperature = 1.4
        hot.sampling.topK = 0
        hot.sampling.seed = 11
        var narrow = hot
        narrow.sampling.temperature = 0.3
        narrow.sampling.topK = 5
        narrow.sampling.minP = 0.05
        narrow.sampling.seed = 12
        var penalised = hot
        penalised.sampling.temperature = 0.7
        penalised.sampling.repetitionPenalty = 1.3
        penalised.sampling.frequencyPenalty = 0.4
        penalised.sampling.presencePenalty = 0.2
        penalised.sampling.penaltyWindow = 12
        plain.sampling.repetitionPenalty = 1.2
        return [greedy(30), plain, hot, narrow, penalised]
    }

    @Test("a model that drafts for itself keeps every draft", arguments: backends)
    func sameModel(_ backend: String) throws {
        let golden = try Golden(path: Self.llama)
        let (answer, summary) = try answer(
            try engine(Self.llama, backend, .draft(path: Self.llama)), try golden.ids("input_ids"), greedy(16))
        #expect(answer.tokens == (try golden.ids("greedy")))
        let speculation = try #require(summary)
        #expect(speculation.kind == "draft" && speculation.acceptance == 1 && speculation.draftedTokens > 8)
        #expect(speculation.tokensPerStep > 4)
    }

    @Test("another model's drafts change nothing", arguments: backends)
    func otherModel(_ backend: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for draft in [Self.llama, try Self.made(folder, size: 384)] {
            let with = try engine(Self.llama, backend, .draft(path: draft))
            let without = try engine(Self.llama, backend, .off)
            for (index, options) in manners.enumerated() {
                let ids = prompt(20 + index, seed: UInt64(index))
                let wanted = try answer(without, ids, options)
                #expect(wanted.summary == nil)
                let got = try answer(with, ids, options)
                #expect(got.answer == wanted.answer, "\(draft), manner \(index)")
                #expect(got.summary?.draftedTokens ?? 0 > 0)
                #expect(try answer(with, ids, options, speculates: false).answer == wanted.answer)
            }
        }
    }

    @Test("lengths at which rope factors switch are crossed as without drafts", arguments: backends)
    func ropeSwitch(_ backend: String) throws {
        let path = Fixtures.path("models/phi3_longrope")
        let (with, without) = (try engine(path, backend, .draft(path: path)), try engine(path, backend, .off))
        for start in 9...17 {
            let ids = prompt(start, seed: UInt64(start), below: 320)
            #expect(try answer(with, ids, greedy(12)).answer == answer(without, ids, greedy(12)).answer, "after \(start)")
        }
    }

    @Test("the model's own layer", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"), arguments: withHead)
    func ownLayer(_ model: String, _ backend: String) throws {
        let path = "\(Fixtures.goldens ?? "")/models/\(model)"
        let golden = try Golden(path: path)
        let ids = try golden.ids("input_ids")
        let without = try engine(path, backend, .off)
        for drafts in [1, 4] {
            let with = try engine(path, backend, .mtp, drafts: drafts)
            let greedy = try answer(with, ids, greedy(16))
            #expect(greedy.answer.tokens == (try golden.ids("greedy")))
            #expect(greedy.summary?.kind == "mtp" && greedy.summary?.draftedTokens ?? 0 >= 15 * drafts - drafts * drafts)
            for (index, options) in manners.enumerated() {
                #expect(try answer(with, ids, options).answer == answer(without, ids, options).answer, "\(drafts) drafts, manner \(index)")
            }
        }
    }

    @Test(
        "the layer drafts what its logits say", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: withHead)
    func drafts(_ model: String, _ backend: String) throws {
        let path = "\(Fixtures.goldens ?? "")/models/\(model)"
        let golden = try Golden(path: path)
        let ids = try golden.ids("input_ids")
        let logits = try #require(try golden.floats("mtp_logits"))
        let vocabulary = logits.count / (ids.count - 1)
        func best(_ row: Int) -> Int32 { logits.withUnsafeBufferPointer { indexOfLargest($0.baseAddress! + row * vocabulary, vocabulary) } }
        let engine = try engine(path, backend, .mtp) { $0.batchTokens = 5 }
        func draft(_ session: Session, _ next: Int32, limit: Int = 1) throws -> [Int32] {
            let drafter = try #require(session.makeDrafter())
            let room = UnsafeMutablePointer<Int32>.allocate(capacity: limit)
            defer { room.deallocate() }
            session.storage[session.count] = next
            return Array(UnsafeBufferPointer(start: room, count: try drafter.draft(session, limit: limit, into: room)))
        }
        let session = engine.makeSession()
        var reached = 1
        for count in [1, 2, 7, 8, 13, ids.count - 1] {
            try session.append(Array(ids[reached - 1..<count]))
            reached = count + 1
            // What a fork drafts, and how far, is nothing to the session it came from.
            #expect(try draft(session.fork(), ids[count], limit: 3).first == best(count - 1), "fork after \(count)")
            #expect(try draft(session, ids[count]) == [best(count - 1)], "after \(count)")
        }
        // Drafted tokens that were not taken are written over, and so are their entries.
        let other = engine.makeSession()
        try other.append(Array(ids[..<6]))
        let wrong: [Int32] = [ids[6], 3, 4, 5]
        _ = try draft(other, ids[6], limit: 3)
        let part = wrong[1...].withUnsafeBufferPointer { other.part(of: ids[6], drafts: $0) }
        try other.run(part) { _, logits in other.accept(logits: logits) }
        #expect(part.count == 4 && other.count == 7)
        #expect(try draft(other, ids[7], limit: 2).first == best(6))
        // A rollback leaves a gap of one, after which the layer goes on.
        try other.rollBack(to: 4)
        #expect(try draft(other, ids[4]).isEmpty || other.prediction?.behind == 0)
        try other.append(Array(ids[4..<9]))
        #expect(try draft(other, ids[9]).count == 1)
    }

    @Test(
        "a description may feed the layer with the state before the last norm",
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func unnormed() throws {
        let path = "\(Fixtures.goldens ?? "")/models/deepseek_v3"
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func engine(_ patch: String) throws -> Engine {
            let file = "\(folder)/patched.json"
            try #"{"hadal": "architecture/1", "name": "patched", "extends": "deepseek_v3", \#(patch)}"#.write(
                toFile: file, atomically: true, encoding: .utf8)
            return try self.engine(path, "cpu", .mtp, drafts: 3) { $0.architecture = file }
        }
        let unnormed = try engine(#""params": {"mtp_normed": {"default": false}}"#)
        let graph = unnormed.model.description.graph
        #expect(unnormed.model.predictionSource?.value == graph.hidden["main"]?["hidden.\(graph.layerCount - 1)"])
        let golden = try Golden(path: path)
        let (answer, summary) = try answer(unnormed, try golden.ids("input_ids"), greedy(16))
        #expect(answer.tokens == (try golden.ids("greedy")) && summary?.draftedTokens ?? 0 > 0)
        for (wrong, code) in [("'nowhere'", HadalError.Code.notFound), ("n_layers", .notFound), ("0.5", .malformed)] {
            let error = expectError(code, "mtp") { try engine(#""graphs": {"mtp": {"feeds": {"previous": "\#(wrong)"}}}"#) }
            #expect(error?.place != nil)
        }
        expectError(.malformed, "'other'") { try engine(#""graphs": {"mtp": {"feeds": {"other": "'norm'"}}}"#) }
        expectError(.malformed, "previous") { try engine(#""graphs": {"mtp": {"feeds": null}}"#) }
    }

    @Test(
        "copies of the embedding and the head are not loaded",
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func sharedTables() throws {
        let engine = try engine("\(Fixtures.goldens ?? "")/models/deepseek_v3", "reference", .mtp)
        let head = try #require(engine.model.description.graph.graphs["mtp"])
        let (shared, own) = (try engine.weights.bind(head, sharing: engine.model.graph), try engine.weights.bind(head))
        let main = Set(try engine.weights.bind(engine.model.graph).data.compactMap { $0.bytes?.baseAddress })
        func ofMain(_ weights: ModelWeights.Bound) -> [String] {
            zip(head.weights, weights.data).filter { $0.1.bytes?.baseAddress.map(main.contains) ?? false }.map(\.0.name)
        }
        #expect(ofMain(shared).count == ofMain(own).count + 2, "\(ofMain(shared))")
        withExtendedLifetime((shared.owners, own.owners)) {
            for (a, b) in zip(shared.data, own.data) {
                let same = a.bytes.map { Array($0) } == b.bytes.map { Array($0) }
                #expect(same)
            }
        }
    }

    @Test(
        "sessions that are forked, rolled back, saved and stepped together go on exactly",
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"), arguments: backends)
    func sessions(_ backend: String) throws {
        let path = "\(Fixtures.goldens ?? "")/models/deepseek_v3"
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func run(_ engine: Engine) throws -> [Answer] {
            let ids = prompt(70, seed: 4, below: Int32(engine.vocabularySize))
            let session = engine.makeSession()
            try session.append(ids)
            var answers = [try answer(session, greedy(20)).answer]
            let fork = session.fork()
            try session.rollBack(to: 75)
            try session.append([1, 2])
            answers.append(try answer(session, greedy(9)).answer)
            try fork.append([7])
            answers.append(try answer(fork, greedy(9)).answer)
            try engine.step([(session, 5), (fork, 6)])
            answers.append(try answer(session, greedy(5)).answer)
            answers.append(try answer(fork, greedy(5)).answer)
            let file = "\(folder)/\(UUID().uuidString)"
            try session.save(to: file)
            let loaded = try Session(contentsOf: file, engine: engine)
            try loaded.append([3])
            answers.append(try answer(loaded, greedy(9)).answer)
            try loaded.rollBack(to: 0)
            try loaded.append([9])
            answers.append(try answer(loaded, greedy(9)).answer)
            return answers
        }
        #expect(try run(try engine(path, backend, .mtp, drafts: 3)) == run(try engine(path, backend, .off)))
    }

    @Test("ends: a full context, cancelling, and nothing to generate", arguments: backends)
    func ends(_ backend: String) throws {
        func size(_ options: inout EngineOptions) { options.contextLength = 40 }
        let with = try engine(Self.llama, backend, .draft(path: Self.llama), size), without = try engine(Self.llama, backend, .off, size)
        let ids = prompt(15, seed: 3)
        var full = greedy(100)
        full.maxTokens = nil
        for stopAfter in [Int.max, 1, 2, 7] {
            let wanted = try answer(without, ids, full, stopAfter: stopAfter)
            #expect(try answer(with, ids, full, stopAfter: stopAfter).answer == wanted.answer)
            #expect(wanted.answer.reason == (stopAfter == .max ? .contextFull : .cancelled))
        }
        for count in 0...9 { #expect(try answer(with, ids, greedy(count)).answer == answer(without, ids, greedy(count)).answer) }
        // A second answer in the same session finds the draft's session where the first left it.
        let (a, b) = (with.makeSession(), without.makeSession())
        for session in [a, b] { try session.append(ids) }
        #expect(try answer(a, greedy(6)).answer == answer(b, greedy(6)).answer)
        for session in [a, b] { try session.rollBack(to: 12); try session.append([1, 2, 3]) }
        #expect(try answer(a, greedy(6)).answer == answer(b, greedy(6)).answer)
    }

    @Test("pages that other sessions hold are not missed", arguments: backends)
    func fewPages(_ backend: String) throws {
        // The second session has one page left, and drafts would need another.
        func size(_ options: inout EngineOptions) { (options.contextLength, options.cacheTokens) = (128, 128) }
        func run(_ engine: Engine) throws -> Answer {
            let first = engine.makeSession()
            try first.append(prompt(128, seed: 1))
            return try answer(engine, prompt(55, seed: 2), greedy(9)).answer
        }
        #expect(try run(engine(Self.llama, backend, .draft(path: Self.llama), size)) == run(engine(Self.llama, backend, .off, size)))
    }

    @Test("text, stop strings and end tokens", arguments: backends)
    func text(_ backend: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = try Self.made(folder, size: 400)
        let (with, without) = (try engine(path, backend, .draft(path: path)), try engine(path, backend, .off))
        var ended: Set<GenerationSummary.Reason> = []
        for seed in 0..<12 as Range<UInt64> {
            var options = greedy(60)
            options.sampling.temperature = 2
            options.sampling.topK = 0
            options.sampling.seed = seed
            options.ignoreEndOfText = false
            if seed % 3 == 0 {
                let free = try answer(without, prompt(5, seed: seed), options).answer.text
                if free.count > 12 { options.stopStrings = [String(free.dropFirst(9).prefix(2))] }
            }
            let wanted = try answer(without, prompt(5, seed: seed), options)
            #expect(try answer(with, prompt(5, seed: seed), options).answer == wanted.answer, "seed \(seed)")
            if let reason = wanted.answer.reason { ended.insert(reason) }
        }
        #expect(ended.contains(.stopString), "\(ended)")
    }

    @Test("adapting to the clock changes no token", arguments: backends)
    func adaptive(_ backend: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let with = try engine(Self.llama, backend, .draft(path: try Self.made(folder, size: 384))) { $0.speculation.isAdaptive = true }
        let without = try engine(Self.llama, backend, .off)
        var options = manners[2]
        options.maxTokens = 250
        let ids = prompt(9, seed: 8)
        let got = try answer(with, ids, options)
        #expect(got.answer == (try answer(without, ids, options).answer))
        #expect(got.summary?.draftedTokens ?? 0 > 0 && got.summary?.netGain != nil)
    }

    @Test("a model without such a layer, and drafts with another vocabulary, are refused by name")
    func refusals() throws {
        expectError(.unsupported, "predicts the token after the next") { try engine(Self.llama, "reference", .mtp) }
        expectError(.notFound, "/nowhere.gguf") { try engine(Self.llama, "reference", .draft(path: "/nowhere.gguf")) }
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let small = try Self.made(folder, size: 300)
        expectError(.mismatch, "300", "384") { try engine(Self.llama, "reference", .draft(path: small)) }
        func tokenizer(_ words: [String]) throws -> Tokenizer {
            let vocabulary = words.enumerated().map { "\"\($0.element)\": \($0.offset)" }.joined(separator: ", ")
            let file = "\(folder)/tokenizer.json"
            try "{\"model\": {\"type\": \"BPE\", \"vocab\": {\(vocabulary)}, \"merges\": []}}".write(
                toFile: file, atomically: true, encoding: .utf8)
            return try Tokenizer(contentsOf: file)
        }
        let (a, b) = (try tokenizer(["a", "b", "c"]), try tokenizer(["a", "x", "c"]))
        expectError(.mismatch, "token 1 is 'x', not 'b'", "B") { try DraftVocabulary.check((a, 3, "A"), draft: (b, 3, "B")) }
        let longer = try tokenizer(["a", "b", "c", "d"])
        expectError(.mismatch, "4 tokens, not 3") { try DraftVocabulary.check((a, 3, "A"), draft: (longer, 4, "B")) }
        // Tables of another size hold the same tokens.
        try DraftVocabulary.check((a, 8, "A"), draft: (try tokenizer(["a", "b", "c"]), 16, "B"))
    }
}
