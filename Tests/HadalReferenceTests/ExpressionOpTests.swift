import CHadalPlugin
import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

/// Ops of the user's own that their contracts give as expressions.
@Suite struct ExpressionOpTests {
    /// Runs op `my` with values [3, 300] and a weight [300], or [1, 12] if it is short; returns y and what numbers went in.
    private func run(
        _ expression: String, attributes: [String: ExpressionValue] = [:], optional: Bool = true, isShort: Bool = false
    ) throws -> (y: [Float], x: [Float], w: [Float], n: [Int32]) {
        let directory = try KernelDirectory()
        try directory.write(
            "my/op.json",
            """
            {"hadal": "op/1", "op": "my", "summary": "s",
             "inputs": [{"name": "x", "kind": "value", "dims": ["N", "D"]}, {"name": "n", "kind": "value", "dims": ["N"], "dtypes": ["i32"]},
                        {"name": "w", "kind": "weight", "dims": \(isShort ? #"[1, "H"]"# : #"["D"]"#)}, {"name": "b", "kind": "weight", "dims": ["D"], "optional": true}],
             "outputs": [{"name": "y", "dims": ["N", "D"]}],
             "attributes": [{"name": "mode", "type": "string", "default": "a", "choices": ["a", "b"]}, {"name": "f", "type": "float", "default": 1},
                            {"name": "flag", "type": "bool", "default": false}],
             "require": [\(isShort ? #""D % H == 0""# : "")], "reference": {"expression": {"y": "\(expression)"}}, "tolerance": {"absolute": 1e-5}}
            """)
        let device = try ReferenceBackend().open(device: 0, options: ["kernels": .string(directory.path)], log: .silent)
        let (rows, columns) = (3, 300)
        var builder = GraphBuilder(name: "g", catalogue: try OpCatalogue.load(adding: [directory.path]))
        let x = builder.input("x", dtype: .f32, dims: [.tokens, .fixed(columns)]), n = builder.input("n", dtype: .i32, dims: [.tokens])
        let w = builder.weight(.init(name: "w", dtype: .f32, dims: isShort ? [1, 12] : [columns]))
        builder.output(
            try builder.node("my", label: "node", inputs: [.value(x), .value(n), .weight(w)], attributes: attributes, outputNames: ["y"])[0]
        )
        var random = SplitMix64(seed: 3)
        func draw(_ count: Int) -> [Float] { (0..<count).map { _ in Float(Double(random.next() >> 11) / 0x1p53 * 4 - 2) } }
        let (xs, ws, ns) = (draw(rows * columns), draw(isShort ? 12 : columns), [Int32]([5, -2, 7]))
        var y = [Float](repeating: .nan, count: rows * columns)
        try ws.withUnsafeBytes { wBytes in
            let segment = Segment(graph: builder.graph, weights: [.init(bytes: wBytes)], bounds: .init(tokens: 8, sequences: 1, rows: 1))
            if let reason = device.unsupported(node: 0, of: segment) { throw HadalError(.unsupported, reason) }
            let executable = try device.compile(segment)
            var (input, indices) = (xs, ns)
            try input.withUnsafeMutableBytes { input in
                try indices.withUnsafeMutableBytes { indices in
                    try y.withUnsafeMutableBytes { y in try Self.step(executable, [input, indices], y, tokens: rows) }
                }
            }
        }
        return (y, xs, ws, ns)
    }

    /// A contract of the user's that replaces a stock one, as those of versions before have it: without the keys that came since.
    @Test func aReplacedContractKeepsWhatItLeavesOut() throws {
        let directory = try KernelDirectory.stock("add")
        let path = "\(directory.path)/add/op.json"
        var text = try String(contentsOfFile: path, encoding: .utf8)
        for key in ["reference", "flow"] {
            let line = try #require(text.components(separatedBy: "\n").first { $0.hasPrefix("  \"\(key)\":") })
            text = text.replacingOccurrences(of: "\(line)\n", with: "")
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let contract = try OpCatalogue.load(adding: [directory.path]).contract(for: "add")
        #expect(contract.folder.hasPrefix(directory.path) && contract.flow == .sum)
        let device = try ReferenceBackend().open(device: 0, options: ["kernels": .string(directory.path)], log: .silent)
        let fixture = try #require(OpFixture.all.first { $0.op == "add" })
        let trial = try fixture.trial(OpCatalogue.load(adding: [directory.path]))
        let outcome = try trial.run(on: device)
        #expect(trial.numbers(outcome)[0].map { Float($0) } == fixture.outputs[0].data.map { Float($0) })
    }

    private static func step(
        _ executable: any Executable, _ inputs: [UnsafeMutableRawBufferPointer], _ output: UnsafeMutableRawBufferPointer, tokens: Int
    ) throws {
        let bindings = (inputs + [output]).map { hadal_binding(buffer: nil, host: $0.baseAddress, offset: 0, bytes: UInt64($0.count)) }
        var step = hadal_step()
        step.size = UInt32(MemoryLayout<hadal_step>.size)
        step.tokens = UInt32(tokens)
        step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
        try bindings.withUnsafeBufferPointer { all in
            try executable.execute(
                Execution(
                    inputs: .init(rebasing: all[..<inputs.count]), outputs: .init(rebasing: all[inputs.count...]),
                    states: .init(start: nil, count: 0), step: &step))
        }
    }

    @Test func functionsBroadcastAndIndices() throws {
        let made = try run(
            "tanh(x) * w + erf(n / 4) + index.N - index.D / D + pow(abs(x), 1.5) * sin(x) + (x > 0 && w > 0 ? exp(-x) : cos(w))")
        for i in 0..<3 {
            for j in 0..<300 {
                let (x, w, n) = (Double(made.x[i * 300 + j]), Double(made.w[j]), Double(made.n[i]))
                let choice = x > 0 && w > 0 ? exp(-x) : cos(w)
                let wanted = tanh(x) * w + erf(n / 4) + Double(i) - Double(j) / 300 + pow(abs(x), 1.5) * sin(x) + choice
                #expect(made.y[i * 300 + j] == Float(wanted))
            }
        }
    }

    @Test func aShorterInputGoesWithItsShareOfNeighbours() throws {
        let made = try run("x * w", isShort: true)
        for i in 0..<3 { for j in 0..<300 { #expect(made.y[i * 300 + j] == Float(Double(made.x[i * 300 + j]) * Double(made.w[j / 25]))) } }
    }

    @Test func attributesChooseAndAbsentInputsAreKnown() throws {
        let text = "mode == 'b' ? (flag ? x : -x) * f : has(b) ? x + b : w"
        #expect(try run("0 * x").y.allSatisfy { $0 == 0 })
        let a = try run(text)
        #expect(a.y == (0..<900).map { a.w[$0 % 300] })
        let b = try run(text, attributes: ["mode": .string("b"), "f": .float(2)])
        #expect(b.y == b.x.map { -2 * $0 })
        let c = try run(text, attributes: ["mode": .string("b"), "flag": .bool(true)])
        #expect(c.y == c.x)
    }

    @Test func arithmeticNeverFails() throws {
        let made = try run("x / 0 + sqrt(-1 - x * x) + log(0 * x)")
        #expect(made.y.allSatisfy { $0.isNaN })
        #expect(try run("min(1 / (0 * x), 7)").y.allSatisfy { $0 == 7 || $0 == -.infinity })
    }

    @Test func absentInputsThatAreUsedAreRefused() throws {
        expectError(.unsupported, "'b' is not there") { try run("x + b") }
    }
}
