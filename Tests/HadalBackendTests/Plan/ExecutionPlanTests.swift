@testable import HadalBackend
import HadalCore
import HadalGraph
import TestSupport
import Testing

@Suite("Execution plan")
struct ExecutionPlanTests {
    /// Takes every op but some.
    private final class Anything: Device {
        let info = DeviceInfo(kind: .cpu, id: "any", name: "any")
        let lacks: Set<String>
        init(lacks: Set<String> = []) { self.lacks = lacks }
        func unsupported(node: Int, of segment: Segment) -> String? {
            let op = segment.graph.nodes[node].op
            return lacks.contains(op) ? "no kernel \(op) for layer \(node)" : nil
        }
        func compile(_ segment: Segment) throws -> any Executable { throw HadalError(.unsupported, "never asked") }
        func allocate(bytes: Int) throws -> (any Buffer)? { nil }
        func quiesce() {}
    }

    /// x → a → b → c, each also reading `x`; one op a letter.
    private func chain(_ ops: [String], states: [[Int]] = []) -> Segment {
        var graph = Graph(name: "main")
        graph.values.append(.init(name: "x", dtype: .f32, dims: [.tokens, .fixed(4)]))
        graph.inputs = [0]
        for (i, op) in ops.enumerated() {
            graph.values.append(.init(name: "v\(i)", dtype: .f32, dims: [.tokens, .fixed(4)]))
            graph.nodes.append(
                .init(
                    label: "n.\(i)", op: op, inputs: [.value(i), .value(0)], outputs: [i + 1],
                    states: states.indices.contains(i) ? states[i] : []))
        }
        graph.outputs = [ops.count]
        graph.states = (0..<((states.flatMap { $0 }.max() ?? -1) + 1)).map { .init(name: "s\($0)", heads: 1, width: 1) }
        return Segment(withoutData: graph, bounds: .init(tokens: 8, sequences: 1, rows: 1))
    }

    private func plan(
        _ segment: Segment, _ preferred: [Int], owns: [Bool], lacks: [Set<String>] = [], others: [Set<String>] = [],
        policy: FallbackPolicy = .error,
        single: Set<Int> = []
    ) throws -> ExecutionPlan {
        func candidate(_ index: Int, _ name: String, _ lacks: Set<String>) -> ExecutionPlan.Candidate {
            .init(name: name, ownsMemory: owns.indices.contains(index) && owns[index], multiNode: !single.contains(index)) {
                Anything(lacks: lacks)
            }
        }
        let candidates = owns.indices.map { candidate($0, "d\($0)", lacks.indices.contains($0) ? lacks[$0] : []) }
        return try ExecutionPlan.make(
            for: segment, preferred: preferred, candidates: candidates,
            others: { others.enumerated().map { candidate(owns.count + $0, "other\($0)", $1) } }, policy: policy
        ).plan
    }

    @Test("what is copied where")
    func transfers() throws {
        let segment = chain(["a", "b", "a", "c"])
        func copies(_ owns: [Bool]) throws -> [String] {
            try plan(segment, [0, 1, 0, 1], owns: owns).transfers.map {
                "\($0.part)\($0.direction == .upload ? "+" : "-")\(segment.graph.values[$0.value].name)@\($0.device)"
            }
        }
        #expect(try copies([false, false]).isEmpty)
        #expect(try copies([true, false]) == ["0+x@0", "0-v0@0", "2+v1@0", "2-v2@0"])
        #expect(try copies([false, true]) == ["1+v0@1", "1+x@1", "1-v1@1", "3+v2@1", "3-v3@1"])
        #expect(try copies([true, true]) == ["0+x@0", "0-v0@0", "1+v0@1", "1+x@1", "1-v1@1", "2+v1@0", "2-v2@0", "3+v2@1", "3-v3@1"])
        let both = try plan(segment, [0, 1, 0, 1], owns: [true, true])
        #expect(both.crossings.count == 3 && both.copies == 6)
        #expect(both.copiedBytes(in: segment.graph, tokens: 3, rows: 1) == 6 * 3 * 16)
        #expect(both.crossingBytes(in: segment.graph, tokens: 1, rows: 1) == 48)
        let alone = try plan(segment, [0, 0, 0, 0], owns: [true, false])
        #expect(alone.devices == ["d0"] && alone.parts.count == 1 && alone.copies == 0 && alone.transfers.count == 2)
        #expect(try plan(segment, [0, 0, 0, 0], owns: [true], single: [0]).parts.count == 4)
        #expect(
            try plan(segment, [0, 0, 0, 0], owns: [true], single: [0]).transfers.count == 2, "values stay where they are between parts")
    }

    @Test("memory is shared by values that are not needed together")
    func exchange() throws {
        let segment = chain(Array(repeating: "a", count: 40))
        let preferred = (0..<40).map { $0 % 2 }
        let bytes = try plan(segment, preferred, owns: [true, true]).exchangeBytes(for: segment)
        // x, and a value on its way in and one on its way out.
        #expect(bytes.allSatisfy { $0 > 0 && $0 <= 4 * 8 * 16 }, "\(bytes)")
    }

    @Test("nodes that share a state share a memory")
    func states() throws {
        let segment = chain(["a", "b"], states: [[0], [0]])
        expectError(.invalidArgument, "the state 's0'") { try plan(segment, [0, 1], owns: [true, false]) }
        #expect(try plan(segment, [0, 1], owns: [false, false]).parts.count == 2)
        #expect(try plan(segment, [1, 1], owns: [true, true]).parts.count == 1)
    }

    @Test("what fallback does")
    func fallback() throws {
        let segment = chain(["a", "b", "c", "b"])
        let refused = expectError(.unsupported, "b x2 (n.1 … n.3): d0: no kernel b", "c (n.2): d0: no kernel c") {
            try plan(segment, [0, 0, 0, 0], owns: [false], lacks: [["b", "c"]])
        }
        #expect(refused?.hint == [.set(.fallback, to: "warn")])
        let moved = try plan(segment, [0, 0, 0, 0], owns: [false], lacks: [["b", "c"]], others: [["b"], []], policy: .warn)
        #expect(moved.devices == ["d0", "other0", "other1"])
        #expect(moved.moves.map(\.to) == ["other1", "other0", "other1"] && moved.moveSummary.count == 2)
        // A device that other nodes are meant for comes before others.
        #expect(
            try plan(segment, [0, 1, 0, 0], owns: [false, false], lacks: [["b"]], others: [[]], policy: .allow).devices == ["d0", "d1"])
        expectError(.unsupported, "no kernel b") {
            try plan(segment, [0, 0, 0, 0], owns: [false], lacks: [["b"]], others: [["b"]], policy: .allow)
        }
    }
}
