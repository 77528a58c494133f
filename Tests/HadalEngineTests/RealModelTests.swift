import Foundation
import HadalCore
import HadalEngine
import HadalFormats
import TestSupport
import Testing

/// SmolLM2-135M-Instruct Q4_1, against what float32 arithmetic on the same weights gives.
@Suite("A real model", .enabled(if: Fixtures.smollm2 != nil, "needs the default model in the store"), .serialized)
struct RealModelTests {
    private func greedy(_ session: Session, _ count: Int) throws -> (text: String, ids: [Int32]) {
        var options = GenerationOptions()
        options.sampling = .greedy
        options.maxTokens = count
        options.ignoreEndOfText = true
        var (text, ids) = ("", [Int32]())
        try session.generate(options) { event in
            switch event {
            case .text(let piece): text += piece
            case .token(let id): ids.append(id)
            case .reasoning, .textWasReasoning, .toolCall, .restored, .logProbabilities, .finished: break
            }
            return .continue
        }
        return (text, ids)
    }

    @Test("it knows the capital of France", arguments: ["cpu", "reference"])
    func capital(_ backend: String) throws {
        let engine = try Engine(path: try #require(Fixtures.smollm2), options: Golden.options(backend))
        let session = engine.makeSession()
        try session.append(try engine.encodePrompt("The capital of France is"))
        #expect(try greedy(session, 2).text == " Paris.")
    }

    @Test("a chat turn reuses what the session holds")
    func conversation() throws {
        let engine = try Engine(path: try #require(Fixtures.smollm2), options: Golden.options("cpu"))
        let conversation = Conversation(engine: engine)
        var options = GenerationOptions()
        options.sampling = .greedy
        options.maxTokens = 12
        let first = try conversation.ask("What is 2 + 2?", options: options) { _ in .continue }
        let second = try conversation.ask("And 3 + 3?", options: options) { _ in .continue }
        #expect(!first.answer.isEmpty && !second.answer.isEmpty)
        #expect(conversation.messages.count == 4)
        // The second prompt holds the first turn too, of which only the tail is new.
        let whole = try engine.encodeChat(Array(conversation.messages.dropLast()))
        #expect(second.promptTokens < whole.count - first.promptTokens)
    }

    @Test(
        "logits and greedy ids against float32", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: ["cpu", "reference"])
    func float32(_ backend: String) throws {
        let folder = try #require(Fixtures.goldens) + "/real/smollm2_q4_1"
        let golden = try JSONDocument(contentsOf: "\(folder).json").root
        let logits = try SafetensorsFile(path: "\(folder).logits.safetensors")
        let engine = try Engine(path: try #require(Fixtures.smollm2), options: Golden.options(backend))
        // The reference backend is slow: it shows on fewer prompts what the cpu backend shows on all.
        let prompts = Array((golden["prompts"]?.array ?? []).prefix(backend == "cpu" ? .max : 2))
        var divergence = 0.0
        for (i, prompt) in prompts.enumerated() {
            let session = engine.makeSession()
            try session.append((prompt["ids"]?.array ?? []).compactMap { $0.int.map(Int32.init) })
            let tensor = try #require(logits.tensors.first { $0.name == "logits.\(i)" })
            var wanted = [Float](repeating: 0, count: engine.vocabularySize)
            try wanted.withUnsafeMutableBufferPointer {
                try BlockCodec.decode(
                    tensor.dtype, from: UnsafeRawBufferPointer(rebasing: logits.source.bytes[tensor.range]), into: $0.baseAddress!,
                    count: $0.count)
            }
            divergence += Self.divergence(wanted, Array(session.logits))
            let margins = (prompt["margins"]?.array ?? []).compactMap(\.double)
            let bound = backend == "cpu" ? 0.3 : 0.01
            let sure = margins.firstIndex { $0 < bound } ?? margins.count
            let ids = (prompt["greedy"]?.array ?? []).compactMap { $0.int.map(Int32.init) }
            let steps = backend == "cpu" ? sure : min(sure, 6)
            #expect(try greedy(session, steps).ids == Array(ids.prefix(steps)), "prompt \(i)")
        }
        divergence /= Double(max(prompts.count, 1))
        #expect(divergence <= (backend == "cpu" ? 0.0025 : 1e-5), "mean KL \(divergence)")
    }

    /// KL(a || b) of two logit rows, in nats.
    private static func divergence(_ a: [Float], _ b: [Float]) -> Double {
        func logSoftmax(_ x: [Float]) -> [Double] {
            let top = Double(x.max() ?? 0)
            let sum = log(x.reduce(0.0) { $0 + exp(Double($1) - top) })
            return x.map { Double($0) - top - sum }
        }
        return zip(logSoftmax(a), logSoftmax(b)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }
}
