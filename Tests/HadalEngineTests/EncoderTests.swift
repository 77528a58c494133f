import EngineTestSupport
import Foundation
import HadalCore
import HadalEngine
import HadalText
import TestSupport
import Testing

/// Models that give embeddings or scores: the goldens of encoders beside the checkout, and small ones of the fixtures.
@Suite("Encoders")
struct EncoderTests {
    static let names = ["bert", "bert_reranker", "modernbert", "embeddinggemma", "qwen3_embedding"]
    static let cases: [(String, String)] = {
        let fixtures = ["bert", "cross_encoder", "modernbert", "embeddinggemma", "qwen3_embedding"].map {
            Fixtures.path("models/encoders/\($0)")
        }
        let all = fixtures + (Fixtures.goldens.map { goldens in names.map { "\(goldens)/models/\($0)" } } ?? [])
        return all.flatMap { path in ["reference", "cpu"].map { (path, $0) } }
    }()

    static func engine(_ path: String, _ backend: String = "cpu", observe: EngineOptions.Observation = .none) throws -> Engine {
        var options = EngineOptions.test(backend, observe: observe)
        options.cacheDType = nil
        options.contextLength = nil
        return try Engine(path: path, options: options)
    }

    static func inputs(_ golden: Golden) throws -> [EncoderInput] {
        try ["", "short."].map {
            EncoderInput(tokens: try golden.ids($0 + "input_ids"), tokenTypes: try golden.ids($0 + "token_type_ids"), isTruncated: false)
        }
    }

    @Test("results and hidden states", arguments: cases)
    func results(_ path: String, _ backend: String) throws {
        let golden = try Golden(path: path), engine = try Self.engine(path, backend, observe: .hidden)
        for (input, prefix) in zip(try Self.inputs(golden), ["", "short."]) {
            var checked = Set<String>()
            for tensor in try engine.encodeObserving(input) {
                guard let wanted = try golden.floats(prefix + tensor.name) else { continue }
                let limit: Float = tensor.name == "embedding" ? 1e-5 : tensor.name == "score" ? 1e-4 : 1e-3
                #expect(tensor.values.count == wanted.count, "\(tensor.name)")
                let worst = zip(tensor.values, wanted).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .infinity
                #expect(worst <= limit, "\(prefix)\(tensor.name) of \(golden.name) on \(backend)")
                checked.insert(tensor.name)
            }
            #expect(checked.isSuperset(of: [engine.embeddingWidth == nil ? "score" : "embedding", "hidden.last"]))
        }
    }

    @Test("a sequence gives the same alone and among others", arguments: names.indices)
    func batches(_ index: Int) throws {
        let engine = try Self.engine(Self.cases[2 * index].0)
        var random = SeededGenerator(seed: 11)
        let inputs = (0..<70).map { _ in
            let count = Int.random(in: 1...40, using: &random)
            return EncoderInput(
                tokens: (0..<count).map { _ in Int32.random(in: 5..<100, using: &random) }, tokenTypes: [], isTruncated: false)
        }
        let together = try engine.encode(inputs)
        for (input, row) in zip(inputs, together) {
            let alone = try engine.encode([input])[0]
            #expect(zip(alone, row).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($0)) })
        }
    }

    @Test("dimensions keep the beginning, normalised")
    func dimensions() throws {
        let path = Fixtures.path("models/encoders/bert"), golden = try Golden(path: path), engine = try Self.engine(path)
        let input = try Self.inputs(golden)[0]
        let (whole, part) = (try engine.embed([input])[0].values, try engine.embed([input], dimensions: 8)[0].values)
        let norm = whole[..<8].reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(part.count == 8)
        #expect(zip(part, whole).allSatisfy { abs($0 - $1 / norm) < 1e-6 })
        for count in [0, whole.count + 1] {
            let error = #expect(throws: HadalError.self) { try engine.embed([input], dimensions: count) }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("what an encoder cannot do is refused")
    func refused() throws {
        let engine = try Self.engine(Fixtures.path("models/encoders/bert")), session = engine.makeSession()
        try session.append([2, 7, 3])
        #expect(throws: HadalError.self) { try session.append([4]) }
        #expect(throws: HadalError.self) { try session.generate() }
        #expect(throws: HadalError.self) { try engine.evaluate([1, 2]) }
        func code(_ tokens: [Int32], _ types: [Int32] = []) -> HadalError.Code? {
            do { _ = try engine.embed([EncoderInput(tokens: tokens, tokenTypes: types, isTruncated: false)]) } catch let error as HadalError
            { return error.code } catch {}
            return nil
        }
        #expect(code([]) == .invalidArgument)
        #expect(code([1, 1_000_000]) == .invalidArgument)
        #expect(code([1, 2], [0, 9]) == .invalidArgument)
        #expect(code([1, 2], [0]) == .invalidArgument)
        #expect(code(Array(repeating: 5, count: engine.contextLength)) == nil)
        #expect(code(Array(repeating: 5, count: engine.contextLength + 1)) == .contextFull)
        #expect(throws: HadalError.self) { try engine.rerank("a", ["b"]) }
    }
}
