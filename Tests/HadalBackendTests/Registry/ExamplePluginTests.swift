import CAllocationCounter
import CHadalPlugin
import Foundation
import HadalBackend
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// `Plugins/Example`, built outside the package with the one line that its first comment gives.
@Suite(.enabled(if: Compiler.c != nil, "needs a C compiler"))
struct ExamplePluginTests {
    private let folder: PluginFolder
    private let backend: any Backend

    init() throws {
        folder = try PluginFolder()
        let source = "\(Fixtures.repository)/Plugins/Example/hadal_example.c"
        let line = ["-O2", "-shared", "-fPIC", "-I", Compiler.header, source, "-o", folder.file("libhadal-example.so"), "-lm"]
        let built = try Compiler.run(try #require(Compiler.c), ["-Wall", "-Wextra", "-Werror"] + line)
        try #require(built.status == 0, "\(built.output)")
        backend = try BackendRegistry(pluginPaths: [folder.path], searchPath: nil, installDirectories: []).backend(named: "example")
    }

    private func device(_ options: [String: OptionValue] = [:]) throws -> any Device {
        try backend.open(device: 0, options: options, log: .silent)
    }

    /// x -> rms_norm -> linear with bias -> scale -> (+ itself) -> (* itself), over [T, 6] and [T, 5].
    private func withSegment(_ body: (Segment, [Float], [Float], [Float]) throws -> Void) throws {
        var generator = SeededGenerator(seed: 3)
        func random(_ n: Int) -> [Float] { (0..<n).map { _ in Float.random(in: -1...1, using: &generator) } }
        let (norm, matrix, bias) = (random(3), random(30), random(5))
        var graph = Graph(name: "all ops")
        graph.weights = [
            .init(name: "norm", dtype: .f32, dims: [3]), .init(name: "matrix", dtype: .f32, dims: [5, 6]),
            .init(name: "bias", dtype: .f32, dims: [5]),
        ]
        for (i, width) in [6, 6, 5, 5, 5, 5].enumerated() {
            graph.values.append(.init(name: "v\(i)", dtype: .f32, dims: [.tokens, .fixed(width)]))
        }
        graph.nodes = [
            .init(
                label: "norm", op: "rms_norm", inputs: [.value(0), .weight(0)], outputs: [1],
                attributes: ["eps": .float(1e-5), "groups": .int(2)]),
            .init(label: "linear", op: "linear", inputs: [.value(1), .weight(1), .weight(2)], outputs: [2]),
            .init(label: "scale", op: "scale", inputs: [.value(2)], outputs: [3], attributes: ["factor": .float(-1.5)]),
            .init(label: "add", op: "add", inputs: [.value(3), .value(2)], outputs: [4]),
            .init(label: "mul", op: "mul", inputs: [.value(4), .value(3)], outputs: [5]),
        ]
        graph.inputs = [0]
        graph.outputs = [5]
        try norm.withUnsafeBytes { a in
            try matrix.withUnsafeBytes { b in
                try bias.withUnsafeBytes { c in
                    let segment = Segment(
                        graph: graph, weights: [.init(bytes: a), .init(bytes: b), .init(bytes: c)],
                        bounds: .init(tokens: 9, sequences: 4, rows: 9))
                    try body(segment, norm, matrix, bias)
                }
            }
        }
    }

    /// The same in doubles.
    private func expected(_ x: [Float], _ norm: [Float], _ matrix: [Float], _ bias: [Float]) -> [Double] {
        var result: [Double] = []
        for row in 0..<x.count / 6 {
            var h: [Double] = []
            for group in 0..<2 {
                let slice = (0..<3).map { Double(x[row * 6 + group * 3 + $0]) }
                let rms = (slice.reduce(0) { $0 + $1 * $1 } / 3 + 1e-5).squareRoot()
                h += (0..<3).map { slice[$0] / rms * Double(norm[$0]) }
            }
            for o in 0..<5 {
                let y = (0..<6).reduce(Double(bias[o])) { $0 + h[$1] * Double(matrix[o * 6 + $1]) }
                result.append((-1.5 * y + y) * (-1.5 * y))
            }
        }
        return result
    }

    @Test func describesItself() throws {
        #expect(backend.name == "example" && backend.options.map(\.name) == ["accumulate"])
        #expect(try backend.devices().map(\.id) == ["host"])
        let symbols = try Compiler.run(try #require(Compiler.find(["nm"])), ["-D", "--defined-only", folder.file("libhadal-example.so")])
        #expect(symbols.output.split(separator: "\n").count == 1 && symbols.output.contains("hadal_plugin_query"))
    }

    @Test(arguments: ["double", "single"]) func runsAllItsOps(accumulate: String) throws {
        try withSegment { segment, norm, matrix, bias in
            let device = try device(["accumulate": .string(accumulate)])
            for node in segment.graph.nodes.indices { #expect(device.unsupported(node: node, of: segment) == nil) }
            let executable = try device.compile(segment)
            #expect(executable.info.keepsWeights && executable.info.scratchBytes == 9 * (6 + 5 + 5 + 5) * 4)
            var generator = SeededGenerator(seed: 4)
            for tokens in [1, 9, 2] {
                let x = (0..<tokens * 6).map { _ in Float.random(in: -2...2, using: &generator) }
                let y = try Running.run(executable, [x], output: tokens * 5, tokens: tokens)
                for (a, b) in zip(y, expected(x, norm, matrix, bias)) { #expect(abs(Double(a) - b) <= 1e-5 * (1 + abs(b))) }
            }
            expectError(.limitExceeded) { try Running.run(executable, [[Float](repeating: 0, count: 60)], output: 50, tokens: 10) }
        }
    }

    @Test func outputsThatAreInputsOrWantedTwice() throws {
        var segment = Running.doubling(width: 1, count: 1)
        segment.graph.outputs = [0]
        #expect(try Running.run(try device().compile(segment), [[3]], output: 1, tokens: 1) == [3])
    }

    @Test func saysWhyNot() throws {
        let device = try device()
        var segment = Running.doubling()
        segment.graph.nodes[0].op = "attention"
        #expect(device.unsupported(node: 0, of: segment) == "op attention is not implemented")
        expectError(.unsupported, "[op attention]") { try device.compile(segment) }
        segment = Running.doubling()
        segment.graph.values[0].dtype = .f16
        #expect(device.unsupported(node: 0, of: segment) == "scale: only float32 activations")
    }

    @Test func cancelsAndTraces() throws {
        try withSegment { segment, _, _, _ in
            let executable = try device().compile(segment)
            let x = [Float](repeating: 1, count: 6)
            var flag: UInt32 = 1
            expectError(.cancelled) { try Running.run(executable, [x], output: 5, tokens: 1, cancel: &flag) }
            var nodes: [UInt32] = []
            try withUnsafeMutablePointer(to: &nodes) { pointer in
                _ = try Running.run(
                    executable, [x], output: 5, tokens: 1,
                    trace: { context, event in
                        if let event { context?.assumingMemoryBound(to: [UInt32].self).pointee.append(event.pointee.node) }
                    }, context: pointer)
            }
            #expect(nodes == [0, 1, 2, 3, 4])
        }
    }

    @Test func executeAllocatesNothing() throws {
        let executable = try device().compile(Running.doubling(width: 8, count: 4))
        try #require(allocation_counter_watch())
        #expect(try AllocationProbe.allocations(of: executable, floats: 8) == 0)
    }
}
