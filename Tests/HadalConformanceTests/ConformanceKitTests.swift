import HadalBackend
@testable import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

@Suite("Conformance kit")
struct ConformanceKitTests {
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

    @Test("The reference passes against itself, every op and every check")
    func referencePasses() throws {
        let report = try kit(.init(seed: 20, casesPerOp: 24)).check(backend)
        for op in report.ops {
            #expect(op.status == .pass, "\(op.name): \(op.unsupported) \(op.failures)")
            #expect(op.unsupported.isEmpty, "\(op.name)")
        }
        #expect(report.ops.map(\.name) == catalogue.contracts.keys.sorted())
        #expect(report.checks.filter { $0.status == .fail }.isEmpty, "\(report.checks)")
        #expect(report.passed)
        #expect(report.json["passed"]?.bool == true)
    }

    /// Ops on which each fault must show.
    private static let detectors: [(fault: BrokenDevice.Fault, ops: [String], kind: ConformanceReport.Failure.Kind)] = [
        (.offByOne, ["linear", "rms_norm", "rope", "attention", "gather_rows", "split", "router", "indexer"], .mismatch),
        (.nan, ["linear", "embedding", "add", "latent_attention", "experts"], .mismatch),
        (.unwritten, ["linear", "glu", "router", "concat"], .mismatch),
        (.writesPast, ["linear", "mul", "attention", "split"], .overwritten),
        (.copiesPast, ["add", "activation"], .overwritten),
        (.writesBefore, ["scale", "rope"], .overwritten),
        (.wrongStride, ["linear", "softcap", "layer_norm", "gather_rows"], .mismatch),
        (.ignoresPast, ["attention", "latent_attention", "indexer"], .mismatch),
        (.ignoresPages, ["attention", "latent_attention", "indexer"], .mismatch),
        (.oneSequence, ["attention", "latent_attention", "indexer"], .mismatch),
        (.ignoresTokens, ["linear", "activation"], .error),
        (.writesInput, ["clamp", "linear"], .overwritten),
        (.forgetsState, ["attention", "latent_attention", "indexer"], .state),
        (.unrepeatable, ["linear", "attention"], .unrepeatable),
        (.readsPast, ["linear", "add", "attention"], .outside),
        (.readsBefore, ["linear", "rms_norm"], .outside),
        (.readsUnwritten, ["scale", "latent_attention"], .outside),
        (.readsPastWeight, ["linear", "rms_norm"], .outside),
        (.failsOnEmpty, ["linear", "add", "attention"], .empty),
        (.overclaims, ["linear", "rope"], .error),
        (.badTrace, ["add"], .trace),
    ]

    @Test("A broken device fails", arguments: BrokenDevice.Fault.allCases)
    func brokenFails(_ fault: BrokenDevice.Fault) throws {
        let detector = try #require(Self.detectors.first { $0.fault == fault })
        let broken = BrokenDevice(reference, fault)
        let ops = try kit(.init(seed: 3, casesPerOp: 24, ops: Set(detector.ops), failuresPerOp: 100))
            .check(broken, capabilities: backend.capabilities)
        for op in ops {
            #expect(op.status == .fail, "\(op.name) did not fail with \(fault)")
            #expect(op.failures.contains { $0.kind == detector.kind }, "\(op.name): \(Set(op.failures.map(\.kind)))")
        }
    }

    @Test("A failure names the worst element and can be replayed by its name")
    func replay() throws {
        let broken = BrokenDevice(reference, .offByOne)
        let ops = try kit(.init(seed: 5, casesPerOp: 8, ops: ["linear"])).check(broken, capabilities: backend.capabilities)
        let failure = try #require(ops[0].failures.first { !$0.shape.isEmpty })
        #expect(failure.index == failure.shape.map { $0 - 1 })
        let again = try kit(.init(seed: 5, only: failure.id)).check(broken, capabilities: backend.capabilities)
        #expect(again.map(\.name) == ["linear"])
        #expect(again[0].failures.first?.expected == failure.expected)
        #expect(again[0].failures.first?.got == failure.got)
        // Another seed draws other operands for the same case.
        let other = try kit(.init(seed: 6, only: failure.id)).check(broken, capabilities: backend.capabilities)
        #expect(other[0].failures.first?.expected != failure.expected)
        expectError(.invalidArgument, "no case 'linear/99.0'") {
            try kit(.init(only: "linear/99.0")).check(reference, capabilities: backend.capabilities)
        }
        expectError(.notFound, "no op to check") { try kit(.init(only: "nosuch/0.0")).check(reference, capabilities: backend.capabilities) }
    }

    @Test("Every value that a contract lists is tried")
    func coverage() throws {
        for (name, contract) in catalogue.contracts {
            for index in contract.cases.indices {
                let space = try ConformanceSpace(contract, case: index)
                var random = SplitMix64(seed: 1)
                let points = try space.sample(limit: 1, &random) { TrialBuilder.isLegal($0, contract, catalogue) }
                for (dim, values) in contract.cases[index].dims {
                    #expect(Set(points.compactMap { $0.dims[dim] }) == Set(values), "\(name) \(dim)")
                }
                for (weight, dtypes) in contract.cases[index].dtypes {
                    #expect(Set(points.compactMap { $0.dtypes[weight] }) == Set(dtypes), "\(name) \(weight)")
                }
                #expect(Set(points.map(\.id)).count == points.count)
            }
        }
    }

    @Test(
        "Drawn weights are finite and of the wanted size",
        arguments: DType.allCases.filter { $0.isQuantised || PlainElement.dtypes.contains($0) })
    func weights(_ dtype: DType) throws {
        // Decoded by the reference's embedding: row 0 of a one-row table.
        var random = SplitMix64(seed: 9)
        let bytes = try #require(RandomWeight.bytes(dtype, elements: 4096, deviation: 0.05, &random))
        var builder = GraphBuilder(name: "decode", catalogue: catalogue)
        let tokens = builder.input("tokens", dtype: .i32, dims: [.tokens])
        let table = builder.weight(.init(name: "table", dtype: dtype, dims: [1, 4096]))
        builder.output(try builder.node("embedding", label: "e", inputs: [.value(tokens), .weight(table)], outputNames: ["y"])[0])
        let buffer = try HostBuffer(bytes: bytes.count)
        try bytes.withUnsafeBytes { try buffer.write(offset: 0, from: $0) }
        var segment = Segment(withoutData: builder.graph, bounds: .init(tokens: 1, sequences: 1, rows: 1))
        segment.weights[0] = .init(bytes: UnsafeRawBufferPointer(start: buffer.pointer, count: bytes.count))
        let trial = ConformanceTrial(
            point: .init(id: "x", op: "embedding", dims: [:], attributes: [:], dtypes: [:], present: [], step: []), segment: segment,
            inputs: [PlainElement.encode([0])], states: [], sequences: [.init(first: 0, count: 1, past: 0, plannedLength: 1)], pages: [],
            tokens: 1, rows: 1, keeping: [buffer])
        let values = trial.numbers(try trial.run(on: reference))[0]
        let mean = values.reduce(0, +) / 4096
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4096).squareRoot()
        #expect(values.allSatisfy { $0.isFinite })
        #expect(abs(mean) < 0.03)
        #expect(deviation > 0.02 && deviation < 0.12, "\(deviation)")
    }
}
