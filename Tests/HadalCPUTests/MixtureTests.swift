import CAllocationCounter
import HadalBackend
import HadalCPU
import HadalCore
import HadalGraph
import HadalReference
import Testing

/// Latent attention and experts within a whole graph.
@Suite(.serialized) struct MixtureTests {
    func device(_ options: [String: OptionValue]) throws -> any Device {
        try CPUBackend().open(device: 0, options: options, log: .silent)
    }

    private func error(_ got: [Float], _ wanted: [Float]) -> Double {
        let scale = wanted.reduce(0) { $0 + Double($1 * $1) }
        return (zip(wanted, got).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) } / scale).squareRoot()
    }

    /// Float weights, so that no rounding of activations sends a token to another expert.
    @Test(arguments: [(DType.f32, false), (.bf16, false), (.f32, true), (.bf16, true)], [1, 2, 3])
    func matchesTheReference(kind: (dtype: DType, isSparse: Bool), threads: Int) throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: kind.dtype, isMixture: true, isSparse: kind.isSparse)
        let expected = try TinyRunner(model, on: ReferenceBackend().open(device: 0, options: [:], log: .silent))
        for isa in ConformanceTests.instructionSets {
            let device = try device(["isa": .string(isa.name), "threads": .int(Int64(threads))])
            let got = try TinyRunner(model, on: device)
            for (index, step) in ModelTests.steps.enumerated() {
                try expected.run(step)
                try got.run(step)
                for output in got.outputs.indices {
                    let count = got.inputs[0].count * (output == 2 ? TinyModel.vocabulary : TinyModel.width)
                    let difference = error(Array(got.outputs[output][..<count]), Array(expected.outputs[output][..<count]))
                    #expect(difference <= 1e-5, "\(isa) step \(index) output \(output): \(difference)")
                    let untouched = got.outputs[output][count...].allSatisfy { $0.isNaN }
                    #expect(untouched, "wrote beyond output \(output)")
                }
            }
            device.quiesce()
        }
    }

    @Test(arguments: [DType.f32, .q4_1]) func bothFormsOfLatentAttentionAgree(dtype: DType) throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: dtype, isMixture: true)
        let runners = try ["absorbed", "expanded"].map { form in
            // 15-bit activations: what differs is then the order of float sums alone.
            try TinyRunner(model, on: device(["latent": .string(form), "threads": .int(2), "activations": .string("15bit")]))
        }
        for (index, step) in ModelTests.steps.enumerated() {
            for runner in runners { try runner.run(step) }
            let count = runners[0].inputs[0].count * TinyModel.vocabulary
            let (absorbed, expanded) = (Array(runners[0].outputs[2][..<count]), Array(runners[1].outputs[2][..<count]))
            let difference = error(absorbed, expanded)
            #expect(difference <= 1e-3, "step \(index): \(difference)")
            // Two ways to add up, not the same way twice.
            #expect(absorbed != expanded)
        }
    }

    /// Rank and rope numbers for each token and layer, and nothing else.
    @Test func theCacheHoldsLatentsAlone() throws {
        let graph = try TinyModel(try OpCatalogue.load(), dtype: .f32, isMixture: true).segment.graph
        #expect(graph.states.map(\.width) == [48, 48] && graph.states.allSatisfy { $0.heads == 1 })
    }

    @Test(arguments: [DType.f32, .q4_1], [false, true]) func threadsDoNotChangeBits(dtype: DType, isSparse: Bool) throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: dtype, isMixture: true, isSparse: isSparse)
        var seen: [[[Float]]] = []
        for threads in [1, 2, 3, 5] {
            let device = try device(["threads": .int(Int64(threads)), "blas": .string("off")])
            let runner = try TinyRunner(model, on: device)
            for step in ModelTests.steps { try runner.run(step) }
            seen.append(runner.outputs.map { $0.filter { !$0.isNaN } })
            device.quiesce()
        }
        for other in seen { #expect(other == seen[0]) }
    }

    /// A token's result does not depend on which others share its step, nor on who shares its experts; with float weights up to 15 tokens, beyond
    /// which they are multiplied in panels.
    @Test(arguments: [DType.f32, .q4_1], [false, true]) func companyDoesNotChangeBits(dtype: DType, isSparse: Bool) throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: dtype, isMixture: true, isSparse: isSparse)
        let device = try device(["threads": .int(2), "blas": .string("off"), "latent": .string("absorbed")])
        let alone = try TinyRunner(model, on: device), together = try TinyRunner(model, on: device)
        let tokens = (0..<(dtype == .f32 ? 11 : 20)).map { Int32($0 * 7 % 50) }
        for (position, token) in tokens.enumerated() { try alone.run([(0, position, [token])]) }
        try together.run([(1, 0, [3, 4, 5]), (0, 0, tokens), (2, 0, [9])])
        let last = (tokens.count + 2) * TinyModel.vocabulary
        #expect(Array(alone.outputs[2][..<TinyModel.vocabulary]) == Array(together.outputs[2][last..<last + TinyModel.vocabulary]))
        device.quiesce()
    }

    @Test(arguments: [DType.f32, .q4_1], [false, true]) func aDecodeStepAllocatesNothing(dtype: DType, isSparse: Bool) throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: dtype, isMixture: true, isSparse: isSparse)
        let device = try device(["threads": .int(2)])
        let runner = try TinyRunner(model, on: device)
        try #require(allocation_counter_watch())
        try runner.run([(0, 0, [1, 2, 3])])
        try runner.run([(0, 3, [4, 5, 6, 7, 8, 9, 10])])
        var counts: [UInt64] = []
        counts.reserveCapacity(2)
        try runner.run([(0, 10, [4])], repeats: 50) { counts.append(allocation_counter_thread()) }
        #expect(counts.count == 2 && counts[1] - counts[0] == 0, "\(counts[1] - counts[0])")
        device.quiesce()
    }
}
