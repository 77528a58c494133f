import Foundation
import HadalArchitecture
import HadalBackend
import HadalCore
import HadalEngine
import HadalGraph
import HadalSynthesis
import TestSupport
import Testing

/// Files that an earlier version wrote are read as it read them. `Tests/Fixtures/compatibility/README.md` says how they were made.
@Suite struct CompatibilityTests {
    /// Calls `body` with the model that the fixtures belong to.
    private func withModel(_ body: (String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = try SyntheticModel(
            architecture: "llama", configuration: JSONDocument(contentsOf: Fixtures.path("compatibility/config.json")), type: .f32,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load())
        try model.write(to: "\(folder)/model.gguf", seed: 7)
        try body("\(folder)/model.gguf")
    }

    private func options(_ backend: String) -> EngineOptions {
        var options = EngineOptions()
        options.backend = backend
        options.environment.pluginPaths = [Fixtures.products]
        // The session was saved when that was what there was.
        options.cacheDType = .f32
        return options
    }

    @Test("a saved session continues with the logits that it had", arguments: ["reference", "cpu"])
    func session(_ backend: String) throws {
        try withModel { path in
            let engine = try Engine(path: path, options: options(backend))
            let session = try Session(contentsOf: Fixtures.path("compatibility/session.safetensors"), engine: engine)
            #expect(session.tokens == [1, 7, 9, 3, 40, 22, 5, 11, 60, 2])
            try session.append([13])
            let wanted: [Float] = [-1.3051318, 0.3245127, -0.15724574, 0.87420505, 0.50934, 0.74291825, 0.62209165, 0.12603463]
            for (value, wanted) in zip(session.logits, wanted) { #expect(abs(value - wanted) < 1e-4) }
        }
    }

    @Test("a plan file places ops as it did")
    func planFile() throws {
        try withModel { path in
            var options = options("cpu")
            options.placement = try PlacementRules(contentsOf: Fixtures.path("compatibility/plan.json"))
            let plan = try LoadPlan(path: path, options: options)
            #expect(plan.obstacle == nil)
            let placement = try #require(plan.placement)
            for (node, device) in zip(plan.graph.nodes, placement.deviceOfNode) {
                let isOnCPU = node.op == "linear" || node.label.hasPrefix("layers.1.")
                #expect(placement.devices[device].hasPrefix(isOnCPU ? "cpu" : "reference"), "\(node.label)")
            }
        }
    }
}
