import HadalBackend
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

@testable import HadalConformance

@Suite("Reference backend")
struct ReferenceBackendTests {
    private let catalogue: OpCatalogue
    private let device: any Device

    init() throws {
        catalogue = try OpCatalogue.load()
        device = try ReferenceBackend().open(device: 0, options: [:], log: .silent)
    }

    private func fixture(_ op: String) throws -> OpFixture { try #require(OpFixture.all.first { $0.op == op }) }

    /// x -> scale -> add(x) -> scale, with the middle value also an output.
    @Test("A segment of several nodes shares memory between values and lets outputs be read on")
    func chain() throws {
        var builder = GraphBuilder(name: "chain", catalogue: catalogue)
        let x = builder.input("x", dtype: .f32, dims: [.tokens, .fixed(3)])
        var value = x
        var kept: [Int] = []
        for i in 0..<6 {
            value = try builder.node(
                "scale", label: "s\(i)", inputs: [.value(value)], attributes: ["factor": .float(2)], outputNames: ["s\(i)"])[0]
            value = try builder.node("add", label: "a\(i)", inputs: [.value(value), .value(x)], outputNames: ["a\(i)"])[0]
            if i == 2 { kept.append(value) }
        }
        builder.output(value)
        builder.output(kept[0])
        builder.output(x)
        builder.output(value)
        let segment = Segment(withoutData: builder.graph, bounds: .init(tokens: 5, sequences: 1, rows: 1))
        let trial = ConformanceTrial(
            point: .init(id: "chain", op: "", dims: [:], attributes: [:], dtypes: [:], present: [], step: []), segment: segment,
            inputs: [PlainElement.encode(.f32, [1, 2, 3, 4, 5, 6])], states: [],
            sequences: [.init(first: 0, count: 2, past: 0, plannedLength: 2)],
            pages: [], tokens: 2, rows: 1, keeping: [])
        let executable = try device.compile(segment)
        let outcome = try trial.run(executable, on: device, trace: true)
        let numbers = trial.numbers(outcome)
        // v -> 2 v + x from v = x: 127 x after six, 15 x after three.
        #expect(numbers[0] == [127, 254, 381, 508, 635, 762])
        #expect(numbers[1] == [15, 30, 45, 60, 75, 90])
        #expect(numbers[2] == [1, 2, 3, 4, 5, 6])
        #expect(numbers[3] == numbers[0])
        #expect(outcome.overwritten.isEmpty)
        #expect(outcome.traced == Array(0..<12))
        // Eleven values between nodes take the room of three at most.
        #expect(executable.info.scratchBytes <= 3 * 64)
    }

    @Test("Cancelling ends a step with an error, and the executable remains usable")
    func cancel() throws {
        let trial = try fixture("linear").trial(catalogue)
        let executable = try device.compile(trial.segment)
        expectError(.cancelled) { try trial.run(executable, on: device, cancelled: true) }
        _ = try trial.run(executable, on: device)
    }

    @Test("Indices out of range are errors", arguments: ["embedding", "gather_rows", "pool", "experts", "latent_attention"], [-2, 1000])
    func indices(_ op: String, _ wrong: Int) throws {
        var fixture = try #require(OpFixture.all.last { $0.op == op && ($0.op != "latent_attention" || $0.label == "selected tokens") })
        let position = try #require(fixture.operands.firstIndex { $0?.dtype == .i32 })
        fixture.operands[position]?.data[1] = Double(wrong)
        expectError(.invalidArgument, "\(wrong)") { try fixture.trial(catalogue).run(on: device) }
    }

    /// `StepValidatorTests` has every rule.
    @Test("Steps are checked before anything is computed")
    func steps() throws {
        let good = try fixture("attention").trial(catalogue)
        let executable = try device.compile(good.segment)
        var wrong = good
        wrong.pages[0] = 77
        expectError(.invalidArgument, "page 77 is outside state") { try wrong.run(executable, on: device) }
        _ = try good.run(executable, on: device)
    }

    @Test("What cannot be compiled is refused with a reason")
    func refusals() throws {
        let segment = try fixture("linear").trial(catalogue).segment
        func refused(_ change: (inout Segment) -> Void, _ code: HadalError.Code, _ says: String) {
            var wrong = segment
            change(&wrong)
            expectError(code, says) { try device.compile(wrong) }
        }
        _ = try device.compile(segment)
        refused({ $0.graph.nodes[0].op = "nosuch" }, .unsupported, "no such op")
        refused({ $0.graph.weights[0].dims = [4, 5] }, .mismatch, "4 x 5")
        refused({ $0.graph.weights[0].dtype = .i8 }, .unsupported, "I8")
        refused({ $0.weights[0].bytes = nil }, .invalidArgument, "no data")
        refused({ $0.weights[0].bytes = UnsafeRawBufferPointer(start: $0.weights[0].bytes?.baseAddress, count: 8) }, .mismatch, "8")
        refused({ $0.graph.nodes[0].inputs[0] = .value(99) }, .mismatch, "99")
        refused({ $0.graph.nodes[0].inputs[1] = .none }, .mismatch, "missing")
        refused({ $0.graph.nodes[0].outputs = [] }, .mismatch, "output")
        refused({ $0.graph.values[1].dims = [.tokens, .fixed(5)] }, .mismatch, "to 5")
        refused({ $0.graph.values[0].dtype = .f16 }, .unsupported, "F16")
        refused(
            {
                $0.bounds.tokens = Int.max / 2; $0.graph.outputs = []
            }, .limitExceeded, "too large")
        let attention = try fixture("attention").trial(catalogue).segment
        var wrong = attention
        wrong.stateDType = .q4_0
        #expect(device.unsupported(node: 0, of: wrong)?.contains("Q4_0") == true)
        wrong = attention
        wrong.graph.states[0].width = 1
        #expect(device.unsupported(node: 0, of: wrong) != nil)
        #expect(device.unsupported(node: 5, of: attention) != nil)
    }

    @Test("Options are checked")
    func options() throws {
        expectError(.invalidArgument, "option nosuch") {
            try ReferenceBackend().open(device: 0, options: ["nosuch": .int(1)], log: .silent)
        }
        expectError(.invalidArgument, "option threads") {
            try ReferenceBackend().open(device: 0, options: ["threads": .int(-1)], log: .silent)
        }
        expectError(.invalidArgument, "option threads") {
            try ReferenceBackend().open(device: 0, options: ["threads": .bool(true)], log: .silent)
        }
        expectError(.notFound, "number 0, not 1") { try ReferenceBackend().open(device: 1, options: [:], log: .silent) }
    }
}
