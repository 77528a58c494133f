import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

@testable import HadalEngine

/// Windows, perplexity and divergence.
@Suite("Evaluation")
struct EvaluationTests {
    private static let model = Fixtures.path("models/llama")

    private func engine(_ path: String = model, _ backend: String = "cpu", context: Int? = nil, batch: Int = 512) throws -> Engine {
        var options = Golden.options(backend)
        options.batchTokens = batch
        return try Engine.forEvaluation(path: path, options: options, context: context)
    }

    private func prompt() throws -> [Int32] { try Golden(path: Self.model).ids("input_ids") }

    /// Row by row from logits, without any of what is tested.
    private func logProbability(_ row: ArraySlice<Float>, _ id: Int32) -> Double {
        let peak = Double(row.max() ?? 0)
        return Double(row[row.startIndex + Int(id)]) - peak - log(row.reduce(0.0) { $0 + exp(Double($1) - peak) })
    }

    @Test("every token is scored once", arguments: [(2, 1), (4, 1), (4, 2), (4, 3), (7, 5), (100, 50)], [0, 1, 2, 3, 4, 5, 9, 23])
    func windowsCoverTheText(shape: (Int, Int), count: Int) throws {
        for bos in [nil, Int32(1)] where bos == nil || shape.1 < shape.0 {
            let windows = try EvaluationWindows(context: shape.0, stride: shape.1, bos: bos).windows(count: count)
            #expect(windows.flatMap { Array($0.scored) } == Array((bos == nil ? min(1, count) : 0)..<count))
            for window in windows {
                #expect(window.tokens.count + (bos == nil ? 0 : 1) <= shape.0)
                #expect(window.scored.isEmpty || window.scored.lowerBound > window.tokens.lowerBound || bos != nil)
                #expect(window.tokens.lowerBound % shape.1 == 0)
            }
            for (window, next) in zip(windows, windows.dropFirst()) {
                #expect(next.scored.isEmpty || next.scored.lowerBound - next.tokens.lowerBound + (bos == nil ? 0 : 1) >= shape.0 - shape.1)
                #expect(window.tokens.upperBound < count)
            }
        }
    }

    @Test("a stride of the whole context scores no first token")
    func disjointWindows() throws {
        let windows = try EvaluationWindows(context: 4, stride: 4, bos: nil).windows(count: 10)
        #expect(windows.map(\.tokens) == [0..<4, 4..<8, 8..<10] && windows.map(\.scored) == [1..<4, 5..<8, 9..<10])
        expectError(.invalidArgument, "a stride of 4") { try EvaluationWindows(context: 4, stride: 4, bos: 1) }
        expectError(.invalidArgument, "a stride of 0") { try EvaluationWindows(context: 4, stride: 0, bos: nil) }
        expectError(.invalidArgument, "a context of 1") { try EvaluationWindows(context: 1, stride: 1, bos: nil) }
    }

    @Test("one window is what the reference's logits say")
    func oneWindow() throws {
        let golden = try Golden(path: Self.model)
        let (tokens, logits) = (try golden.ids("input_ids"), try #require(try golden.floats("logits")))
        let vocabulary = logits.count / tokens.count
        let wanted = (1..<tokens.count).map { -logProbability(logits[(($0 - 1) * vocabulary)..<($0 * vocabulary)], tokens[$0]) }
        let engine = try engine(context: tokens.count)
        let result = try engine.perplexity(of: tokens, windows: EvaluationWindows(context: tokens.count, stride: 1, bos: nil))
        #expect(result.scoredTokens == tokens.count - 1 && result.tokens == tokens.count)
        #expect(zip(result.nll, wanted).allSatisfy { abs(Double($0) - $1) < 2e-3 })
        let mean = wanted.reduce(0, +) / Double(wanted.count)
        let variance = wanted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(wanted.count - 1)
        #expect(abs(result.meanNLL - mean) < 1e-3)
        #expect(abs(try #require(result.standardError) - (variance / Double(wanted.count)).squareRoot()) < 1e-3)
        #expect(abs(result.perplexity - exp(mean)) < 2e-3 * exp(mean))
    }

    @Test("windows, a BOS and small chunks are what separate sequences give", arguments: [nil, Int32(3)])
    func manyWindows(bos: Int32?) throws {
        let tokens = try prompt()
        let windows = try EvaluationWindows(context: 9, stride: 4, bos: bos)
        // Every window by itself through the whole-sequence path.
        var options = Golden.options("cpu", observe: .allLogits)
        options.contextLength = 9
        let whole = try Engine(path: Self.model, options: options)
        var wanted: [Double] = []
        for window in windows.windows(count: tokens.count) {
            let ids = (bos.map { [$0] } ?? []) + tokens[window.tokens]
            let logits = try #require(try whole.evaluate(ids).first).values
            let vocabulary = whole.vocabularySize
            for position in window.scored {
                let row = position - window.tokens.lowerBound + (bos == nil ? 0 : 1) - 1
                wanted.append(-logProbability(logits[(row * vocabulary)..<((row + 1) * vocabulary)], tokens[position]))
            }
        }
        #expect(wanted.count == tokens.count - (bos == nil ? 1 : 0))
        for batch in [3, 512] {
            let result = try engine(context: 9, batch: batch).perplexity(of: tokens, windows: windows)
            #expect(result.nll.count == wanted.count && zip(result.nll, wanted).allSatisfy { abs(Double($0) - $1) < 1e-4 })
        }
    }

    @Test("a model does not differ from itself, and its backends hardly do")
    func backends() throws {
        let tokens = try prompt()
        let windows = try EvaluationWindows(context: 10, stride: 5, bos: nil)
        let cpu = try engine(context: 10, batch: 4)
        let same = try cpu.divergence(from: .engine(try engine(context: 10, batch: 4)), of: tokens, windows: windows)
        #expect(same.mean == 0 && same.maximum == 0 && same.agreement == 1 && same.scoredTokens == tokens.count - 1)
        // Chunks of different lengths on the two sides.
        let other = try cpu.divergence(
            from: .engine(try engine(Self.model, "reference", context: 10, batch: 7)), of: tokens, windows: windows)
        #expect(other.mean < 1e-6 && other.agreement == 1 && abs(other.meanNLL - other.referenceMeanNLL) < 1e-4)
        #expect(abs(other.meanNLL - (try cpu.perplexity(of: tokens, windows: windows)).meanNLL) < 1e-9)
    }

    @Test("the divergence is the textbook's, and not symmetric")
    func definition() throws {
        let rows: [[Float]] = [[0, 1, 2, -3], [2, 0.5, -1, 0]]
        let probabilities = rows.map { row in
            let sum = row.reduce(0.0) { $0 + exp(Double($1)) }
            return row.map { exp(Double($0)) / sum }
        }
        let wanted = zip(probabilities[0], probabilities[1]).reduce(0.0) { $0 + $1.0 * log($1.0 / $1.1) }
        try rows[0].withUnsafeBufferPointer { p in
            try rows[1].withUnsafeBufferPointer { q in
                let (a, b) = (try LogProbabilities(p, position: 0), try LogProbabilities(q, position: 0))
                #expect(abs(a.divergence(to: b) - wanted) < 1e-12 && a.divergence(to: a) == 0)
                #expect(abs(b.divergence(to: a) - wanted) > 0.1)
                #expect(a.best == 2 && b.best == 0)
            }
        }
        for broken in [[Float.nan, 0], [.infinity, 0], [-.infinity, -.infinity]] {
            expectError(.malformed, "token 7") { try broken.withUnsafeBufferPointer { _ = try LogProbabilities($0, position: 7) } }
        }
        var numbers = SampleStatistics()
        for value in [4.0, 1, 3, 2, 5] { numbers.add(value) }
        let quantiles = numbers.quantiles([0, 0.5, 0.95, 1])
        #expect(numbers.mean == 3 && quantiles[0] == 1 && quantiles[1] == 3 && abs(quantiles[2] - 4.8) < 1e-6 && quantiles[3] == 5)
        #expect(abs(try #require(numbers.standardError) - (2.5 / 5.0).squareRoot()) < 1e-12)
    }

    @Test("a file of logits serves as the reference")
    func logitsFile() throws {
        let golden = try Golden(path: Self.model)
        let (tokens, logits) = (try golden.ids("input_ids"), try #require(try golden.floats("logits")))
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let vocabulary = logits.count / tokens.count
        func write(_ name: String, _ tensor: TensorSource) throws -> String {
            try SafetensorsWriter.write(to: "\(folder)/\(name)", tensors: [tensor])
            return "\(folder)/\(name)"
        }
        let path = try write("l.safetensors", TensorSource(name: "logits", dtype: .f32, shape: [tokens.count, vocabulary], values: logits))
        let engine = try engine(context: tokens.count)
        let windows = try EvaluationWindows(context: tokens.count, stride: 1, bos: nil)
        let result = try engine.divergence(from: .logits(try LogitsFile(path: path)), of: tokens, windows: windows)
        #expect(result.mean < 1e-5 && result.agreement == 1 && result.scoredTokens == tokens.count - 1)

        func expect(_ code: HadalError.Code, _ message: String, _ path: String, _ tokens: [Int32]) {
            expectError(code, message) { try engine.divergence(from: .logits(try LogitsFile(path: path)), of: tokens, windows: windows) }
        }
        expect(.mismatch, "logits of \(tokens.count) tokens", path, Array(tokens.dropLast()))
        expect(.invalidArgument, "do not fit", path, tokens + tokens)
        let narrow = try write(
            "n.safetensors",
            TensorSource(name: "logits", dtype: .f32, shape: [tokens.count, 2], values: [Float](repeating: 0, count: 2 * tokens.count)))
        expect(.mismatch, "the vocabularies differ", narrow, tokens)
        let other = try write("o.safetensors", TensorSource(name: "x", dtype: .f32, shape: [1], values: [0]))
        expect(.notFound, "no tensor 'logits'", other, tokens)
        let flat = try write("f.safetensors", TensorSource(name: "logits", dtype: .f32, shape: [1], values: [0]))
        expect(.mismatch, "a matrix", flat, tokens)
    }

    @Test("what cannot be scored is refused")
    func faults() throws {
        let engine = try engine(context: 8)
        let windows = try EvaluationWindows(context: 8, stride: 4, bos: nil)
        for tokens: [Int32] in [[], [5]] {
            expectError(.invalidArgument, "at least 2") { try engine.perplexity(of: tokens, windows: windows) }
        }
        // One token after a BOS can be predicted.
        #expect(try engine.perplexity(of: [5], windows: EvaluationWindows(context: 8, stride: 4, bos: 3)).scoredTokens == 1)
        expectError(.invalidArgument, "99999") { try engine.perplexity(of: [5, 99999], windows: windows) }
        expectError(.invalidArgument, "windows of 9 tokens") {
            try engine.perplexity(of: [5, 6], windows: EvaluationWindows(context: 9, stride: 4, bos: nil))
        }
        expectError(.invalidArgument, "a context of \(1 << 24) tokens") { try self.engine(context: 1 << 24) }
        expectError(.invalidArgument, "compared with itself") {
            try engine.divergence(from: .engine(engine), of: [5, 6], windows: windows)
        }
    }

    @Test(
        "the reference text's tokens",
        .enabled(if: Fixtures.goldens != nil && Fixtures.smollm2 != nil, "needs the goldens and the default model"))
    func realText() throws {
        let root = try JSONDocument(contentsOf: try #require(Fixtures.goldens) + "/real/smollm2_q4_1.json").root
        let engine = try engine(try #require(Fixtures.smollm2), context: 512)
        let tokens = try engine.encodeText(try #require(root["text"]?.string))
        #expect(tokens == (root["text_ids"]?.array ?? []).compactMap { $0.int.map(Int32.init) })
        #expect(engine.evaluationBOS == nil)
        let result = try engine.perplexity(of: tokens, windows: EvaluationWindows(context: 512, stride: 256, bos: nil))
        let wanted = (root["nll"]?.array ?? []).compactMap(\.double)
        #expect(result.nll.count == wanted.count)
        let mean = try #require(root["mean_nll"]?.double)
        #expect(abs(result.meanNLL - mean) < 0.01 * mean)
        // 8-bit activations: near token by token, too.
        let distance = zip(result.nll, wanted).reduce(0.0) { $0 + abs(Double($1.0) - $1.1) } / Double(wanted.count)
        #expect(distance < 0.1, "\(distance)")
    }
}
