import HadalBackend
import HadalCPU
import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

/// Every op at the shapes its contract lists, against the reference backend, for each instruction set and number of threads.
@Suite struct ConformanceTests {
    static let instructionSets = InstructionSet.onThisMachine
    static let catalogue = Result { try OpCatalogue.load() }

    static func kit(cases: Int) throws -> ConformanceKit {
        let reference = try ReferenceBackend().open(device: 0, options: [:], log: .silent)
        return ConformanceKit(catalogue: try catalogue.get(), reference: reference, options: .init(seed: 20_251, casesPerOp: cases))
    }

    @Test(arguments: instructionSets, [1, 2, 3])
    func everyOpMatchesTheReference(isa: InstructionSet, threads: Int) throws {
        let backend = CPUBackend()
        let device = try backend.open(
            device: 0, options: ["isa": .string(isa.name), "threads": .int(Int64(threads))], log: .silent)
        defer { device.quiesce() }
        var kit = try Self.kit(cases: threads == 2 ? 40 : 12)
        kit.options.failuresPerOp = 2
        for op in try kit.check(device, capabilities: backend.capabilities) {
            for failure in op.failures {
                Issue.record(
                    "\(op.name) [\(failure.id)] \(failure.kind) \(failure.summary): \(failure.operand)\(failure.index) is \(failure.got ?? .nan), not \(failure.expected ?? .nan); \(failure.message)"
                )
            }
        }
    }

    /// Alone in a graph, a linear's result is an output, which is computed from finer activations: here both ways.
    @Test(arguments: instructionSets, ["8bit", "15bit"])
    func quantisedLinearsMatchTheReference(isa: InstructionSet, activations: String) throws {
        let backend = CPUBackend()
        let device = try backend.open(
            device: 0, options: ["isa": .string(isa.name), "activations": .string(activations), "threads": .int(2)], log: .silent)
        defer { device.quiesce() }
        var kit = try Self.kit(cases: 60)
        kit.options.ops = ["linear"]
        for failure in try kit.check(device, capabilities: backend.capabilities).flatMap(\.failures) {
            Issue.record("[\(failure.id)] \(failure.kind) \(failure.summary): \(failure.operand)\(failure.index); \(failure.message)")
        }
    }

    @Test func theBoundaryHolds() throws {
        var kit = try Self.kit(cases: 1)
        kit.options.ops = ["add"]
        let report = try kit.check(CPUBackend())
        for check in report.checks where check.status == .fail { Issue.record("\(check.name): \(check.detail)") }
        #expect(report.passed)
    }

    /// Which form is cheaper depends on the shape: here each at all shapes.
    @Test(arguments: instructionSets, ["absorbed", "expanded"])
    func bothFormsOfLatentAttentionMatchTheReference(isa: InstructionSet, form: String) throws {
        let backend = CPUBackend()
        let device = try backend.open(
            device: 0, options: ["isa": .string(isa.name), "latent": .string(form), "threads": .int(3)], log: .silent)
        defer { device.quiesce() }
        var kit = try Self.kit(cases: 60)
        kit.options.ops = ["latent_attention"]
        for failure in try kit.check(device, capabilities: backend.capabilities).flatMap(\.failures) {
            Issue.record("[\(failure.id)] \(failure.kind) \(failure.summary): \(failure.operand)\(failure.index); \(failure.message)")
        }
    }

    /// Rows of every width, in each type that they can have.
    @Test(arguments: instructionSets, DType.stateTypes)
    func everyTypeOfCacheMatchesTheReference(isa: InstructionSet, type: DType) throws {
        let backend = CPUBackend()
        let device = try backend.open(device: 0, options: ["isa": .string(isa.name), "threads": .int(2)], log: .silent)
        defer { device.quiesce() }
        var kit = try Self.kit(cases: 24)
        kit.options.ops = ["attention", "latent_attention", "indexer"]
        kit.options.stateDType = type
        for op in try kit.check(device, capabilities: backend.capabilities) {
            #expect(op.status == .pass, "\(op.name)")
            for failure in op.failures {
                Issue.record("[\(failure.id)] \(failure.kind) \(failure.summary): \(failure.operand)\(failure.index); \(failure.message)")
            }
        }
    }

    @Test func noOpIsLeftOut() throws {
        let backend = CPUBackend()
        let device = try backend.open(device: 0, options: [:], log: .silent)
        let kit = try Self.kit(cases: 1)
        for op in try kit.check(device, capabilities: backend.capabilities) { #expect(op.status == .pass, "\(op.name)") }
    }

    @Test func anInstructionSetThatIsNotThereIsAnError() throws {
        for isa in InstructionSet.allCases where !InstructionSet.onThisMachine.contains(isa) {
            expectError(.unsupported, "cannot run '\(isa.name)'") {
                try CPUBackend().open(device: 0, options: ["isa": .string(isa.name)], log: .silent)
            }
        }
        expectError(.invalidArgument, "'z80'") { try CPUBackend().open(device: 0, options: ["isa": .string("z80")], log: .silent) }
        expectError(.notFound, "not 1") { try CPUBackend().open(device: 1, options: [:], log: .silent) }
    }
}
