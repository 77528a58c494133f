import Foundation
import HadalCore
import HadalEngine
import Synchronization
import TestSupport
import Testing

@Suite("Golden checkpoints")
struct GoldenTests {
    static let cases = Golden.cases

    @Test("logits and hidden states", arguments: cases)
    func logits(_ family: String, _ backend: String) throws {
        let golden = try Golden(path: family)
        var options = Golden.options(backend, observe: .hidden)
        let predicts = try golden.floats("mtp_logits") != nil
        options.predictsNext = predicts
        let engine = try Engine(path: family, options: options)
        let results = try engine.evaluate(try golden.ids("input_ids"))
        var checked = 0
        for result in results {
            guard let wanted = try golden.floats(result.name) else { continue }
            #expect(result.values.count == wanted.count, "\(result.name)")
            let isLogits = result.name.hasSuffix("logits")
            var worst: Float = 0
            for (got, want) in zip(result.values, wanted) {
                let bound: Float = isLogits ? 2e-3 : 1e-3 * max(1, abs(want))
                worst = max(worst, got.isFinite ? abs(got - want) / bound : .infinity)
            }
            #expect(worst <= 1, "\(golden.name) \(result.name) on \(backend): \(worst) times the tolerance")
            checked += 1
        }
        #expect(checked == golden.hiddenNames.count + (predicts ? 2 : 1))
    }

    @Test("greedy ids", arguments: cases)
    func greedy(_ family: String, _ backend: String) throws {
        let golden = try Golden(path: family)
        let engine = try Engine(path: family, options: Golden.options(backend))
        let session = engine.makeSession()
        try session.append(try golden.ids("input_ids"))
        var options = GenerationOptions()
        options.sampling = .greedy
        options.maxTokens = 16
        options.ignoreEndOfText = true
        var ids: [Int32] = []
        try session.generate(options) { event in
            if case .token(let id) = event { ids.append(id) }
            return .continue
        }
        let wanted = try golden.ids("greedy")
        #expect(ids == wanted)
    }

    @Test(
        "logits of the prediction layer do not depend on the chunks",
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func predictionInChunks() throws {
        let path = "\(Fixtures.goldens ?? "")/models/deepseek_v3"
        let golden = try Golden(path: path)
        var options = Golden.options("reference", observe: .allLogits)
        options.predictsNext = true
        options.batchTokens = 5
        let results = try Engine(path: path, options: options).evaluate(try golden.ids("input_ids"))
        #expect(results.map(\.name) == ["logits", "mtp_logits"])
        let wanted = try #require(try golden.floats("mtp_logits"))
        #expect(results[1].values.count == wanted.count && zip(results[1].values, wanted).allSatisfy { abs($0 - $1) <= 2e-3 })
    }

    @Test("a model without a prediction layer says so")
    func noPrediction() throws {
        var options = Golden.options("reference", observe: .allLogits)
        options.predictsNext = true
        expectError(.unsupported, "no layer that predicts") { try Engine(path: Fixtures.path("models/llama"), options: options) }
    }

    @Test("a context beyond the length of dynamic frequencies is a warning that names their key", arguments: [64, 65])
    func dynamicRope(_ context: Int) throws {
        let (from, to) = (Fixtures.path("models/llama"), try Fixtures.temporaryDirectory())
        defer { try? FileManager.default.removeItem(atPath: to) }
        try FileManager.default.copyItem(atPath: "\(from)/model.safetensors", toPath: "\(to)/model.safetensors")
        var config =
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(from)/config.json"))) as? [String: Any] ?? [:]
        config["rope_scaling"] = ["rope_type": "dynamic", "factor": 2.0]
        config["max_position_embeddings"] = 64
        try JSONSerialization.data(withJSONObject: config).write(to: URL(fileURLWithPath: "\(to)/config.json"))
        var options = Golden.options("reference")
        options.contextLength = context
        let said = Mutex<[String]>([])
        options.log = LogSink { level, message in if level == .warning { said.withLock { $0.append(message) } } }
        _ = try Engine(path: to, options: options)
        #expect(
            said.withLock { $0.filter { $0.contains("config.json rope_scaling.rope_type is dynamic") }.count } == (context > 64 ? 1 : 0))
    }

    @Test("a rope switch in the middle of a session rebuilds the state")
    func ropeSwitch() throws {
        let path = Fixtures.path("models/phi3_longrope")
        let ids = try Golden(path: path).ids("input_ids")
        let engine = try Engine(path: path, options: Golden.options("reference"))
        #expect(ids.count > 16)
        let whole = engine.makeSession()
        try whole.append(ids)
        let pieces = engine.makeSession()
        for id in ids { try pieces.append([id]) }
        #expect(zip(whole.logits, pieces.logits).allSatisfy { abs($0 - $1) < 1e-4 })
    }
}
