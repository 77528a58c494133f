import CAllocationCounter
import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph
import HadalPluginKit
import Synchronization
import TestSupport
import Testing

@Suite("Checks of a step")
struct StepValidatorTests {
    /// One way to spoil a good step, and what is said about it.
    struct Rule: Sendable, CustomTestStringConvertible {
        let says: String
        let spoil: @Sendable (inout StepFixture) -> Void
        init(_ says: String, _ spoil: @escaping @Sendable (inout StepFixture) -> Void) { (self.says, self.spoil) = (says, spoil) }
        var testDescription: String { says }
    }

    static let rules: [Rule] = [
        Rule("2 inputs, 1 outputs and 2 states; bound were 1, 1 and 2") { $0.inputs.removeLast() },
        Rule("2 inputs, 1 outputs and 2 states; bound were 2, 2 and 2") { $0.outputs.append($0.outputs[0]) },
        Rule("2 inputs, 1 outputs and 2 states; bound were 2, 1 and 1") { $0.states.removeLast() },
        Rule("a step of 7 tokens") { $0.tokens = 7 },
        Rule("a step of 4294967295 tokens") { $0.tokens = .max },
        Rule("5 tokens, 2 sequences and 5 rows is beyond the bounds 6, 3 and 4") { $0.rows = 5 },
        Rule("4 sequences") { $0.sequences += $0.sequences },
        Rule("sequences are missing") { $0.hasSequences = false },
        Rule("sequences are missing") { $0.stride = 20 },
        Rule("pages are missing") { $0.hasPages = false },
        Rule("sequence 1 has tokens 4+2 of a step of 5") { $0.sequences[1].first_token = 4 },
        Rule("sequence 0 has tokens 4294967295+4294967295") { ($0.sequences[0].first_token, $0.sequences[0].token_count) = (.max, .max) },
        Rule("sequence 1 has pages 5+1 of a list of 5") { $0.sequences[1].first_page = 5 },
        Rule("sequence 1 has pages 4+4294967295 of a list of 5") { $0.sequences[1].page_count = .max },
        Rule("token 2 is in two sequences") { $0.sequences[1].first_token = 2 },
        Rule("token 3 is in two sequences") { $0.sequences.append($0.sequences[1]) },
        Rule("token 4 belongs to no sequence") { $0.sequences[1].token_count = 1 },
        Rule("token 0 belongs to no sequence") { $0.sequences = [] },
        Rule("sequence 0 has 3 pages, but its 8 tokens need 4") { $0.sequences[0].page_count = 3 },
        Rule("sequence 1 has 0 pages, but its 2 tokens need 1") { $0.sequences[1].page_count = 0 },
        Rule("tokens need") { $0.sequences[0].past = .max },
        Rule("page 5 is outside state 'k', which holds 5") { $0.pages[2] = 5 },
        Rule("page 4294967295 is outside state 'k'") { $0.pages[4] = .max },
        Rule("page 4 is outside state 'v', which holds 4") { $0.states[1].bytes -= 1 },
        Rule("state 'v' is not bound to") { ($0.states[1].host, $0.states[1].buffer) = (nil, nil) },
        Rule("state 'k' is bound to") { $0.states[0].offset = .max },
        Rule("input 'tokens' is not bound to") { ($0.inputs[0].host, $0.inputs[0].buffer) = (nil, nil) },
        Rule("input 'tokens' needs 20 bytes but is bound to 19") { $0.inputs[0].bytes = 19 },
        Rule("input 'rows' needs 8 bytes but is bound to 7") { $0.inputs[1].bytes = 7 },
        Rule("input 'rows' is bound to") { $0.inputs[1].offset = 1 << 63 },
        Rule("output 'y' is not bound to") { ($0.outputs[0].host, $0.outputs[0].buffer) = (nil, nil) },
        Rule("output 'y' needs 32 bytes but is bound to 31") { $0.outputs[0].bytes = 31 },
        Rule("token id 50 is outside a vocabulary of 50") { $0.ids[4] = 50 },
        Rule("token id -1 is outside a vocabulary of 50") { $0.ids[0] = -1 },
    ]

    /// A step passes, the spoilt one is refused without the backend's seeing it, and the first passes again.
    private func expect(_ rule: Rule, _ backend: CheckedBackend, through host: any Backend, prefix: String = "") throws {
        let device = try host.open(device: 0, options: [:], log: .silent)
        let executable = try device.compile(StepFixture.segment)
        let good = try StepFixture(on: backend.hasBuffers ? device : nil)
        try good.run(executable)
        var spoilt = good
        rule.spoil(&spoilt)
        let error = #expect(throws: HadalError.self) { try spoilt.run(executable) }
        #expect(
            error?.code == .invalidArgument && error?.message.hasPrefix(prefix) == true && error?.message.contains(rule.says) == true,
            "\(error?.message ?? "")")
        #expect(backend.steps.withLock { $0 } == 1)
        try good.run(executable)
        #expect(backend.steps.withLock { $0 } == 2)
    }

    @Test("come before a backend that is linked", arguments: rules)
    func linked(rule: Rule) throws {
        let backend = CheckedBackend()
        try expect(rule, backend, through: backend)
    }

    @Test("come before a backend with memory of its own", arguments: rules)
    func buffers(rule: Rule) throws {
        let backend = CheckedBackend(hasBuffers: true)
        try expect(rule, backend, through: backend)
    }

    @Test("come before a backend in a plugin", arguments: rules)
    func plugin(rule: Rule) throws {
        let backend = CheckedBackend()
        let export = PluginExport(backend)
        // What the host checks before the ABI is said without the plugin's name.
        let isCount = rule.says.contains("bound were")
        try expect(
            rule, backend, through: PluginBackend(try PluginLoader.load(query: { export.answer($0) })), prefix: isCount ? "" : "checked: ")
        withExtendedLifetime(export) {}
    }

    @Test("allow what is not theirs to refuse")
    func allowed() throws {
        let backend = CheckedBackend()
        let device = try backend.open(device: 0, options: [:], log: .silent)
        let executable = try device.compile(StepFixture.segment)
        func passes(_ change: (inout StepFixture) -> Void) throws {
            var step = try StepFixture()
            change(&step)
            try step.run(executable)
        }
        try passes { $0.sequences.swapAt(0, 1) }
        try passes { $0.inputs[0].bytes += 100 }
        // Nothing to do, and then no memory for the cache either.
        try passes { step in
            (step.tokens, step.rows, step.sequences, step.pages) = (0, 0, [], [])
            for i in step.states.indices { step.states[i] = hadal_binding() }
        }
        try passes { $0.sequences[1].planned_length = .max }
        // A newer host's sequences are longer; there is one here, so that the fixture's lie right.
        try passes { step in
            (step.tokens, step.stride) = (3, 64)
            step.sequences.removeLast()
        }
        #expect(backend.steps.withLock { $0 } == 5)

        // Without states tokens need no sequence, and pages are not looked at.
        let stateless = try device.compile(Running.doubling(width: 1))
        expectError(.invalidArgument) { try Running.run(stateless, [[1, 2]], output: 2, tokens: 2, sequences: 2) }
        _ = try Running.run(stateless, [[1, 2]], output: 2, tokens: 2, sequences: 0)
    }

    @Test("refuse bounds that no step can have")
    func bounds() throws {
        func refused(_ change: (inout Segment) -> Void) {
            var segment = StepFixture.segment
            change(&segment)
            let error = #expect(throws: HadalError.self) { _ = try StepValidator(segment, memory: .host) }
            #expect(error?.code == .invalidArgument)
        }
        refused { $0.bounds.tokens = -1 }
        refused { $0.bounds.sequences = -1 }
        refused { $0.bounds.rows = .max }
        refused { $0.pageTokens = 0 }
        refused { $0.pageTokens = .max }
        refused { $0.graph.states[1].width = 0 }
        refused { $0.graph.values[0].dims = [.tokens, .fixed(1 << 60)] }
        refused { $0.graph.inputs[0] = 99 }
    }

    @Test("allocate nothing", arguments: [false, true])
    func allocations(hasBuffers: Bool) throws {
        try #require(allocation_counter_watch())
        let backend = CheckedBackend(hasBuffers: hasBuffers)
        let device = try backend.open(device: 0, options: [:], log: .silent)
        let executable = try device.compile(StepFixture.segment)
        let step = try StepFixture(on: hasBuffers ? device : nil)
        func allocations(_ repeats: Int) throws -> UInt64 {
            let before = allocation_counter_thread()
            try step.run(executable, repeats: repeats)
            return allocation_counter_thread() - before
        }
        _ = try allocations(1)
        let one = try allocations(1)
        #expect(try allocations(101) == one)
    }
}
