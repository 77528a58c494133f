import HadalBackend
@testable import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

@Suite("Kernel tests and benches")
struct KernelToolsTests {
    private let catalogue: OpCatalogue
    private let reference: any Device
    private let backend = ReferenceBackend()

    init() throws {
        catalogue = try OpCatalogue.load()
        reference = try backend.open(device: 0, options: ["threads": .int(1)], log: .silent)
    }

    private func kit(_ options: ConformanceKit.Options) -> ConformanceKit {
        .init(catalogue: catalogue, reference: reference, options: options)
    }

    /// What a kernel is broken by in practice, on ops of every kind, with the few cases that run between two saves.
    @Test(
        "A quick check finds what is broken",
        arguments: [BrokenDevice.Fault.offByOne, .wrongStride, .nan, .writesPast, .unrepeatable, .readsPast])
    func quickFindsFaults(_ fault: BrokenDevice.Fault) throws {
        let ops: Set<String> = ["add", "linear", "rms_norm", "glu", "gather_rows"]
        let results = try kit(.init(ops: ops, quickCases: ConformanceKit.Options.quickCases)).check(
            BrokenDevice(reference, fault), capabilities: backend.capabilities)
        #expect(results.count == ops.count)
        for op in results {
            #expect(op.status == .fail, "\(op.name) with \(fault)")
            #expect(op.failures.allSatisfy { $0.operands.contains(" -> ") })
        }
    }

    @Test(
        "Every failing case replays by its id alone, with the same element and the same numbers",
        arguments: [BrokenDevice.Fault.offByOne, .nan, .writesPast])
    func everyFailureReplays(_ fault: BrokenDevice.Fault) throws {
        let broken = BrokenDevice(reference, fault)
        let results = try kit(.init(seed: 11, casesPerOp: 12, ops: ["linear", "attention", "router", "split"], failuresPerOp: 5)).check(
            broken, capabilities: backend.capabilities)
        for failure in results.flatMap(\.failures) {
            let again = try kit(.init(seed: 11, only: failure.id)).check(broken, capabilities: backend.capabilities)
            let twin = try #require(
                again.flatMap(\.failures).first { $0.kind == failure.kind && $0.operand == failure.operand }, "\(failure.id)")
            #expect(twin.index == failure.index && twin.expected == failure.expected && twin.shape == failure.shape)
            #expect(twin.got == failure.got || (twin.got?.isNaN == true && failure.got?.isNaN == true))
            #expect(twin.operands == failure.operands && twin.message == failure.message)
        }
    }

    @Test("A write outside says how far outside")
    func writesOutside() throws {
        let results = try kit(.init(ops: ["add"], failuresPerOp: 1)).check(
            BrokenDevice(reference, .writesPast), capabilities: backend.capabilities)
        let message = try #require(results[0].failures.first { $0.kind == .overwritten }).message
        #expect(message.contains("output 'y'") && message.contains("1 bytes after it, the first 0 past its end"), "\(message)")
    }

    @Test("All cases means every legal combination; a quick check is a part of them and always the same one")
    func subsets() throws {
        for (name, contract) in catalogue.contracts {
            let all = try kit(.init(casesPerOp: .max)).points(contract).map(\.id)
            let quick = try kit(.init(quickCases: 24)).points(contract).map(\.id)
            #expect(Set(all).count == all.count && Set(quick).isSubset(of: all), "\(name)")
            #expect(quick.count <= max(24, contract.cases.count))
            #expect(try kit(.init(quickCases: 24)).points(contract).map(\.id) == quick)
            // Every entry of the contract has its turn.
            #expect(Set(quick.map { $0.prefix { $0 != "." } }).count == contract.cases.count, "\(name)")
        }
    }

    @Test("Every op's bench has shapes that the contract itself accepts")
    func benchShapes() throws {
        let bench = KernelBench(catalogue: catalogue, device: reference, capabilities: backend.capabilities)
        for (name, contract) in catalogue.contracts {
            let wanted = try contract.bench.shapes.indices.reduce(0) { try $0 + ConformanceSpace(contract, bench: $1).count }
            #expect(wanted > 0, "\(name) has no bench")
            #expect(try bench.points(contract).count == wanted, "\(name)")
        }
    }

    @Test("A small shape is timed, and its work is counted")
    func measures() throws {
        var options = KernelBench.Options()
        options.seconds = 0.001
        options.coldBytes = 100_000
        let bench = KernelBench(catalogue: catalogue, device: reference, capabilities: backend.capabilities, options: options)
        let linear = try catalogue.contract(for: "linear")
        var shape = KernelShape()
        shape.values = try KernelShape.values(parsing: "N=2,K=1024,M=64")
        shape.dtypes = try KernelShape.dtypes(parsing: "weight=q8_0")
        let points = try bench.points(linear, shape)
        #expect(points.count == 1)
        let result = try bench.measure(points[0], linear)
        #expect(result.operations == Double(2 * 2 * 1024 * 64))
        #expect(result.bytes == Double(2 * 1024 * 4 + 64 * 1024 / 32 * 34 + 2 * 64 * 4))
        #expect(result.microseconds > 0 && result.fastest <= result.microseconds && result.runs >= 3 && result.hasQuantisedWeights)
        #expect(result.copies > 1 && result.copies <= 64)
        let half = KernelCeilings(bytesPerSecond: 2 * result.bytesPerSecond, source: "test")
        #expect(abs(result.share(of: half) - 0.5) < 1e-9)

        let attention = try catalogue.contract(for: "attention")
        var small = KernelShape()
        small.values = try KernelShape.values(parsing: "heads=2,kv_heads=1,head_dim=4,value_dim=4")
        small.step = try KernelShape.step(parsing: "3+2")
        let step = try bench.measure(try #require(try bench.points(attention, small).first), attention)
        // Two new tokens see 4 and 5 tokens.
        #expect(step.operations == Double(2 * 9 * 2 * (4 + 4)))
    }

    @Test("Shapes that make no sense are errors that say why")
    func wrongShapes() throws {
        let bench = KernelBench(catalogue: catalogue, device: reference, capabilities: backend.capabilities)
        let linear = try catalogue.contract(for: "linear")
        func refuse(_ values: String, _ dtypes: String, _ fragment: String) {
            var shape = KernelShape()
            expectError(.invalidArgument, fragment) {
                shape.values = values.isEmpty ? [] : try KernelShape.values(parsing: values)
                shape.dtypes = dtypes.isEmpty ? [] : try KernelShape.dtypes(parsing: dtypes)
                _ = try bench.points(linear, shape)
            }
        }
        refuse("Q=3", "", "no extent or attribute 'Q'")
        refuse("N=0", "", "integer of at least 1")
        refuse("N", "", "NAME=VALUE")
        refuse("K=100", "weight=q4_k", "whole blocks")
        refuse("", "weight=q99", "q99")
        refuse("", "wait=q4_k", "no input 'wait'")
        expectError(.invalidArgument, "'1' is not a step") { try KernelShape.step(parsing: "1") }
        expectError(.invalidArgument, "'-1+2' is not a step") { try KernelShape.step(parsing: "-1+2") }
    }
}
