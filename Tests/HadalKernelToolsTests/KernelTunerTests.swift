import EngineTestSupport
import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalEngine
import HadalGraph
import TestSupport
import Testing

@testable import HadalKernelTools

@Suite("Kernel tuning")
struct KernelTunerTests {
    private static let entry = """
        {"stages": [
          {
            "name": "one", "when": "N == 1", "parameters": {"ROWS": [4, 2, 1], "FIXED": 1},
            "variants": [
              {"name": "dot", "features": ["integer-dot"], "dtypes": {"weight": ["q8_0"]}, "requires": "K % 32 == 0", "parameters": {"ROWS": [2, 4]}},
              {"name": "wide", "features": ["matrices"]}
            ]
          },
          {
            "name": "many", "when": "N > tokens",
            "variants": [{"name": "dot", "parameters": {"TILE": [8, 16]}, "before": [{"name": "prepare", "parameters": {"T": [1, 2]}}]}]
          }
        ]}
        """

    private func kernels(_ features: Set<String>) throws -> [TunableKernel] {
        try TunableKernel.all(in: try JSONDocument(parsing: Self.entry, file: "op.json").root, features: features)
    }

    private func point(_ dtype: DType, _ dims: [String: Int]) -> ConformancePoint {
        ConformancePoint(id: "linear/0.0", op: "linear", dims: dims, attributes: [:], dtypes: ["weight": dtype], present: [], step: [])
    }

    @Test("Forms are named by stage and variant, and left out where the device cannot run them")
    func forms() throws {
        #expect(try kernels(["integer-dot"]).map(\.name) == ["one.dot", "one", "prepare", "many.dot"])
        #expect(try kernels([]).map(\.name) == ["one", "prepare", "many.dot"])
        // A variant without parameters of its own has the stage's.
        let all = try kernels(["integer-dot", "matrices"])
        #expect(all.map(\.name) == ["one.dot", "one.wide", "one", "prepare", "many.dot"])
        #expect(all.map(\.alternatives) == [1, 2, 2, 1, 1])
    }

    @Test("A case reaches the first form that is for it")
    func reach() throws {
        let found = try kernels(["integer-dot"])
        let (dot, one, many) = (found[0], found[1], found[3])
        let quantised = point(.q8_0, ["N": 1, "K": 64])
        #expect(dot.reaches(quantised) && !one.reaches(quantised))
        for other in [point(.f16, ["N": 1, "K": 64]), point(.q8_0, ["N": 1, "K": 48])] {
            #expect(!dot.reaches(other) && one.reaches(other))
        }
        for kernel in [dot, one] { #expect(!kernel.reaches(point(.q8_0, ["N": 2, "K": 64]))) }
        // What only the backend knows is taken to hold.
        #expect(many.reaches(quantised))
        #expect(try kernels([])[0].reaches(quantised))
    }

    @Test("One parameter at a time finds what is best, and tries no choice twice")
    func descent() {
        let descent = CoordinateDescent(parameters: [("A", [4, 2, 8]), ("B", [1, 2, 3]), ("C", [7])])
        var seen: [[String: Int]] = []
        let found = descent.run(usual: 100, isOver: { false }) { choice in
            seen.append(choice)
            // A = 8 helps only beside B = 3.
            let b = Double(choice["B"] ?? 0)
            return 100 - 10 * (b - 1) - (b == 3 ? Double(choice["A"] ?? 0) : 0)
        }
        #expect(found.values == ["A": 8, "B": 3, "C": 7] && found.best == 72)
        #expect(found.tried == seen.count && Set(seen).count == seen.count && found.untried == 0)
    }

    @Test("What is refused, or hardly faster, is not taken")
    func noGain() {
        let descent = CoordinateDescent(parameters: [("A", [1, 2, 3])])
        let found = descent.run(usual: 100, isOver: { false }) { $0["A"] == 2 ? nil : 99.5 }
        #expect(found.values == ["A": 1] && found.best == 100 && found.tried == 2)
    }

    @Test("When time is over the best so far is kept and the rest is counted")
    func budget() {
        let descent = CoordinateDescent(parameters: [("A", [1, 2]), ("B", [1, 2, 3])])
        var measured = 0
        let found = descent.run(usual: 100, isOver: { measured == 1 }) { _ in
            measured += 1
            return 50
        }
        #expect(found.values == ["A": 2, "B": 1] && found.tried == 1 && found.untried == 2)
    }

    @Test("Shapes are the largest of each type, checks are of the same types")
    func selection() {
        let points = [1, 2, 3, 4, 5].map { point(.q8_0, ["N": 1, "K": 32 * $0]) } + [point(.f16, ["N": 1, "K": 1])]
        let shapes = KernelTuner.largest(points)
        #expect(shapes.map { $0.dims["K"] } == [160, 1, 128, 96])
        let cases = (0..<40).map { point($0 % 2 == 0 ? .f32 : .q8_0, ["N": 1, "K": $0]) }
        let checks = KernelTuner.checks(cases, like: [shapes[0]])
        #expect(checks.count == KernelTuner.casesPerChoice && checks.allSatisfy { $0.dtypes["weight"] == .q8_0 })
        #expect(KernelTuner.checks(cases, like: [point(.bf16, [:])]).count == KernelTuner.casesPerChoice)
    }

    @Test("Tuned parameters are written beside those of other devices and ops")
    func tunedFile() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/tuned/x.json"
        try TunedFile.write(["linear": ["rows": ["TILE": 16]]], device: "a", to: path)
        try TunedFile.write(["glu": ["main": ["TILE": 8]]], device: "b", to: path)
        try TunedFile.write(["add": ["main": ["TILE": 4]]], device: "a", to: path)
        let root = try JSONDocument(contentsOf: path).root
        #expect(root["a"]?["linear"]?["rows"]?["TILE"]?.int == 16 && root["a"]?["add"]?["main"]?["TILE"]?.int == 4)
        #expect(root["b"]?["glu"]?["main"]?["TILE"]?.int == 8)
        try TunedFile.write(["linear": [:]], device: "a", to: path)
        #expect(try JSONDocument(contentsOf: path).root["a"]?["linear"]?.object?.members.isEmpty == true)
        try "[1]".write(toFile: path, atomically: true, encoding: .utf8)
        expectError(.malformed, path, "must be an object") { try TunedFile.write([:], device: "a", to: path) }
    }

    @Test("A backend without parameters is refused")
    func notTunable() throws {
        expectError(.unsupported) { try KernelTuner("reference", environment: EngineOptions.test("reference").environment, settings: [:]) }
    }
}
