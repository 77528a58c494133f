import EngineTestSupport
import Foundation
import HadalBackend
import HadalCore
import HadalEngine
import TestSupport
import Testing

/// An op and an architecture that this build has never seen, from files alone.
@Suite("User ops", .enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
struct UserOpTests {
    static let model = Fixtures.path("models/llama")

    /// Those of this machine that compute, where one needs a device.
    static let backends = ["cpu", "vulkan"].filter { (try? Golden.options($0).environment.registry().resolve($0)) != nil }

    @Test("a squared ReLU runs as its expression says", arguments: backends)
    func runs(on backend: String) throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        let ids = (0..<40).map { Int32($0 * 7 % 200 + 3) }
        var results: [[NamedTensor]] = []
        for backend in ["reference", backend] {
            let engine = try Engine(path: Self.model, options: EngineOptions.relu2(backend, directory, cache: cache, observe: .hidden))
            #expect(engine.placement.parts.count == 1)
            results.append(try engine.evaluate(ids))
        }
        #expect(results[0].map(\.name) == results[1].map(\.name))
        for (a, b) in zip(results[0], results[1]) {
            let scale = a.values.reduce(0) { max($0, abs($1)) }
            for (x, y) in zip(a.values, b.values) { #expect(abs(x - y) <= 2e-5 + 2e-5 * scale, "\(a.name)") }
        }
        // It is another model than the one with the gate's own activation.
        let plain = try Engine(path: Self.model, options: Golden.options("cpu", observe: .hidden)).evaluate(ids)
        let difference = zip(plain.last?.values ?? [], results[1].last?.values ?? []).map { abs($0 - $1) }.max() ?? 0
        #expect(difference > 1e-3)
    }

    @Test("without the op's directory the architecture is refused, naming op and place")
    func unknownOp() throws {
        let (directory, cache) = (try KernelDirectory(), try KernelDirectory())
        expectError(.notFound, "relu2_gate", "relu2.json") {
            try Engine(path: Self.model, options: EngineOptions.relu2("cpu", directory, cache: cache))
        }
    }

    @Test("a contract without a kernel says what is missing, and falls back when asked to")
    func contractAlone() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        try FileManager.default.removeItem(atPath: "\(directory.path)/relu2_gate/cpu.c")
        var options = EngineOptions.relu2("cpu", directory, cache: cache)
        expectError(.unsupported, "\(directory.path)/relu2_gate/cpu.c") { try Engine(path: Self.model, options: options) }
        options.fallback = .allow
        let engine = try Engine(path: Self.model, options: options)
        #expect(!engine.placement.moves.isEmpty && engine.placement.moves.allSatisfy { $0.op == "relu2_gate" && $0.to != "cpu" })
    }
}
