import EngineTestSupport
import Foundation
import HadalArchitecture
import HadalBackend
import HadalConformance
import HadalCore
import HadalEngine
import HadalFormats
import HadalGraph
import TestSupport
import Testing

@testable import HadalKernelTools

/// Nodes taken out of a running model and run again alone.
@Suite("Saved nodes")
struct SavedNodeTests {
    private static let model = Fixtures.path("models/llama")
    private static let tokens: [Int32] = (0..<21).map { Int32($0 * 7 % 300) }

    private func engine(batch: Int = 8, cache: DType = .f32) throws -> Engine {
        var options = EngineOptions.test("reference")
        options.observe = .everything
        options.batchTokens = batch
        options.cacheDType = cache
        return try Engine(path: Self.model, options: options)
    }

    private func temporary(_ body: (String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test(
        "Every op of a model, taken from its second step, gives alone the bits that it gave in the model",
        arguments: [DType.f32, .f16, .q8_0])
    func sameBits(_ cache: DType) throws {
        let engine = try engine(cache: cache)
        let results = Dictionary(try engine.evaluate(Self.tokens).map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
        let bench = try KernelWorkbench("reference", environment: engine.options.environment)
        var seen: Set<String> = []
        for (index, node) in engine.model.graph.nodes.enumerated() where seen.insert(node.op).inserted {
            try temporary { folder in
                let path = "\(folder)/n.safetensors"
                try engine.saveNode(index, tokens: Self.tokens, position: 12, limit: 1 << 24).write(to: path)
                let saved = try SavedNode(contentsOf: path)
                #expect(saved.op == node.op && saved.label == node.label && saved.tokens == 8 && saved.sequences[0].past == 8)
                let trial = try saved.trial(bench.catalogue, path: path)
                let outcome = try trial.run(on: bench.device)
                for output in node.outputs.indices {
                    guard let whole = results[NamedTensor.name(node: index, output: output)] else { continue }
                    let width = whole.shape[1]
                    let wanted = whole.values[8 * width..<16 * width].map { Double($0) }
                    #expect(trial.numbers(outcome)[output] == wanted, "\(node.label)")
                }
                let report = try bench.replay(saved, path: path)
                #expect(report.ops[0].status == .pass, "\(node.label): \(report.ops[0].failures) \(report.ops[0].unsupported)")
            }
        }
        #expect(seen.isSuperset(of: ["embedding", "linear", "rms_norm", "rope", "attention", "glu"]))
    }

    @Test("A node larger than the limit is refused before anything is read")
    func limit() throws {
        let engine = try engine()
        expectError(.limitExceeded) { try engine.saveNode(0, tokens: Self.tokens, position: 0, limit: 100) }
        expectError(.invalidArgument, "no node 100000") { try engine.saveNode(100_000, tokens: Self.tokens, position: 0, limit: 1 << 24) }
        expectError(.invalidArgument, "no token 21") { try engine.saveNode(0, tokens: Self.tokens, position: 21, limit: 1 << 24) }
    }

    @Test("A damaged file is an error, or another node that runs or is refused; never a crash")
    func damaged() throws {
        let engine = try engine()
        let bench = try KernelWorkbench("reference", environment: engine.options.environment)
        let graph = engine.model.graph
        for op in ["attention", "linear", "rope"] {
            let index = try #require(graph.nodes.firstIndex { $0.op == op })
            try temporary { folder in
                let path = "\(folder)/n.safetensors"
                try engine.saveNode(index, tokens: Self.tokens, position: 12, limit: 1 << 24).write(to: path)
                let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
                let header = 8 + bytes[..<8].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
                var random = SplitMix64(seed: 8)
                for round in 0..<300 {
                    var copy = bytes
                    let at = Int(random.next() % UInt64(header))
                    switch round % 3 {
                    case 0: copy[at] = UInt8(truncatingIfNeeded: random.next())
                    case 1: copy[at] = UInt8(ascii: "0") + UInt8(random.next() % 10)
                    default: copy.removeSubrange((round % 2 == 0 ? at : Int(random.next() % UInt64(copy.count)))...)
                    }
                    try Data(copy).write(to: URL(fileURLWithPath: path))
                    do {
                        let node = try SavedNode(contentsOf: path)
                        _ = try bench.replay(node, path: path)
                    } catch let error as HadalError { #expect(!error.message.isEmpty) }
                }
            }
        }
    }

    @Test("Other files are told apart")
    func otherFiles() throws {
        expectError(.malformed, "not a saved node", "model.safetensors") { try SavedNode(contentsOf: "\(Self.model)/model.safetensors") }
        expectError(.notFound, "missing.safetensors") { try SavedNode(contentsOf: "missing.safetensors") }
    }

    @Test("A model's shapes are shapes of the contract")
    func shapes() throws {
        let description = try ModelDescription(path: Self.model, options: EngineOptions.test("reference"))
        let bench = try KernelWorkbench("reference", environment: EngineOptions.test("reference").environment)
        for op in Set(description.graph.main.nodes.map(\.op)) {
            let points = try description.shapes(of: bench.catalogue.contract(for: op), promptTokens: 6)
            #expect(!points.isEmpty && Set(points.map(\.id)).count == points.count)
            if op == "linear" { #expect(points.contains { $0.dims["N"] == 1 } && points.contains { $0.dims["N"] == 6 }) }
            if op == "attention" { #expect(points.map { $0.step[0].new }.sorted() == [1, 6]) }
        }
    }
}
