import CAllocationCounter
import Foundation
import HadalBackend
import HadalCPU
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

/// Whole graphs: fusions, memory shared between values, barriers and threads.
@Suite(.serialized) struct ModelTests {
    typealias Step = [(sequence: Int, past: Int, tokens: [Int32])]

    /// Prefill, decode, several sequences together, and a sequence that comes back.
    static let steps: [Step] = [
        [(0, 0, (0..<33).map { Int32($0 * 7 % 50) })],
        [(0, 33, [5])],
        [(1, 0, [1, 2, 3]), (0, 34, [9]), (2, 0, (0..<20).map { Int32($0) })],
        [(2, 20, [4]), (1, 3, [7])],
    ]

    func device(_ options: [String: OptionValue]) throws -> any Device {
        try CPUBackend().open(device: 0, options: options, log: .silent)
    }

    /// Float weights, and quantised ones with 15-bit activations, are float arithmetic in another order. With 8-bit activations the
    /// rounding of seven layers of linears adds up: about a hundredth each.
    @Test(
        arguments: [
            (DType.f32, "auto", 1e-5), (.bf16, "auto", 1e-5), (.q8_0, "15bit", 5e-4), (.q4_1, "15bit", 5e-4), (.q8_0, "auto", 0.05),
            (.q4_1, "auto", 0.05),
        ], [1, 2, 3])
    func matchesTheReference(model kind: (dtype: DType, activations: String, bound: Double), threads: Int) throws {
        let catalogue = try OpCatalogue.load()
        let model = try TinyModel(catalogue, dtype: kind.dtype)
        let expected = try TinyRunner(model, on: ReferenceBackend().open(device: 0, options: [:], log: .silent))
        for isa in ConformanceTests.instructionSets {
            let device = try device([
                "isa": .string(isa.name), "threads": .int(Int64(threads)), "activations": .string(kind.activations),
            ])
            let got = try TinyRunner(model, on: device)
            for (index, step) in Self.steps.enumerated() {
                try expected.run(step)
                try got.run(step)
                for output in got.outputs.indices {
                    let width = output == 2 ? TinyModel.vocabulary : TinyModel.width
                    let count = got.inputs[0].count * width
                    let wanted = expected.outputs[output][..<count], had = got.outputs[output][..<count]
                    let scale = (wanted.reduce(0) { $0 + Double($1 * $1) } / Double(count)).squareRoot()
                    let error = (zip(wanted, had).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) } / Double(count)).squareRoot()
                    #expect(error <= kind.bound * scale, "\(isa) step \(index) output \(output): \(error / scale)")
                    let untouched = got.outputs[output][count...].allSatisfy { $0.isNaN }
                    #expect(untouched, "wrote beyond output \(output)")
                }
            }
            device.quiesce()
        }
    }

    @Test func threadsDoNotChangeBits() throws {
        let catalogue = try OpCatalogue.load()
        let model = try TinyModel(catalogue, dtype: .q4_1)
        var seen: [[[Float]]] = []
        for threads in [1, 2, 3, 5] {
            let device = try device(["threads": .int(Int64(threads)), "blas": .string("off")])
            let runner = try TinyRunner(model, on: device)
            for step in Self.steps { try runner.run(step) }
            seen.append(runner.outputs.map { $0.filter { !$0.isNaN } })
            device.quiesce()
        }
        for other in seen { #expect(other == seen[0]) }
    }

    @Test("activations are rounded to bfloat16 where that is chosen, in steps of many tokens, and there alone")
    func bfloat16Activations() throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: .bf16)
        let hasInstruction =
            try InstructionSet.available == .avx512vnni && String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8).contains("avx512_bf16")
        func outputs(tokens: Int, rounds: Bool, threads: Int64 = 2) throws -> [Float] {
            let device = try device(["threads": .int(threads), "bf16-activations": .bool(rounds)])
            let runner = try TinyRunner(model, on: device)
            try runner.run([(0, 0, (0..<tokens).map { Int32($0 * 7 % 50) })])
            device.quiesce()
            return runner.outputs.flatMap { $0.filter { !$0.isNaN } }
        }
        #expect(try outputs(tokens: 15, rounds: true) == outputs(tokens: 15, rounds: false))
        let exact = try outputs(tokens: 33, rounds: false), rounded = try outputs(tokens: 33, rounds: true)
        #expect(try (exact != rounded) == hasInstruction)
        #expect(try outputs(tokens: 33, rounds: true, threads: 3) == rounded)
        let scale = exact.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
        let error = zip(exact, rounded).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }.squareRoot()
        #expect(error <= 0.01 * scale, "\(error / scale)")
    }

    /// One thread and two share a long step by its rows, three share it by the weights' rows.
    @Test func threadsDoNotChangeBitsOfALongStep() throws {
        let step: Step = (0..<3).map { sequence in (sequence, 0, (0..<64).map { Int32(($0 * 7 + sequence) % 50) }) }
        let model = try TinyModel(try OpCatalogue.load(), dtype: .q4_1, tokens: 192)
        for isa in ConformanceTests.instructionSets {
            var seen: [[[Float]]] = []
            for (threads, fuses) in [(1, true), (2, true), (3, true), (2, false), (3, false)] {
                let device = try device(["isa": .string(isa.name), "threads": .int(Int64(threads)), "fusion": .bool(fuses)])
                let runner = try TinyRunner(model, on: device)
                try runner.run(step)
                seen.append(runner.outputs)
                device.quiesce()
            }
            #expect(!seen[0].joined().contains { $0.isNaN })
            for other in seen { #expect(other == seen[0], "\(isa)") }
        }
    }

    @Test("ops that become one call give the bits of their own calls, with fewer meetings of threads", arguments: [DType.q4_1, .q8_0])
    func fusionDoesNotChangeBits(dtype: DType) throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: dtype)
        for isa in ConformanceTests.instructionSets {
            var seen: [[[Float]]] = [], barriers: [Int] = []
            for fuses in [false, true] {
                let device = try device(["isa": .string(isa.name), "threads": .int(2), "fusion": .bool(fuses)])
                let runner = try TinyRunner(model, on: device)
                for step in Self.steps { try runner.run(step) }
                seen.append(runner.outputs.map { $0.filter { !$0.isNaN } })
                barriers.append(runner.executable.info.barriersPerStep)
                device.quiesce()
            }
            #expect(seen[0] == seen[1], "\(isa)")
            // Of each layer: add and o, norm and q k v, norm and gate, gate and up and glu, add and down.
            #expect(barriers[1] <= barriers[0] - 2 * 5, "\(isa): \(barriers)")
        }
    }

    @Test(arguments: [DType.f32, .q4_1]) func aDecodeStepAllocatesNothing(dtype: DType) throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: dtype)
        let device = try device(["threads": .int(2)])
        let runner = try TinyRunner(model, on: device)
        try #require(allocation_counter_watch())
        try runner.run([(0, 0, [1, 2, 3])])
        try runner.run([(0, 3, [4])])
        var counts: [UInt64] = []
        counts.reserveCapacity(2)
        try runner.run([(0, 4, [4])], repeats: 50) { counts.append(allocation_counter_thread()) }
        #expect(counts.count == 2 && counts[1] - counts[0] == 0, "\(counts[1] - counts[0])")
        device.quiesce()
    }

    @Test func cancellationEndsTheStepAndLeavesTheDeviceUsable() throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: .f32)
        for threads in [1, 2, 3] {
            let device = try device(["threads": .int(Int64(threads))])
            let runner = try TinyRunner(model, on: device)
            runner.cancel = 1
            expectError(.cancelled) { try runner.run([(0, 0, [1, 2, 3])]) }
            runner.cancel = 0
            try runner.run([(0, 0, [1, 2, 3])])
            let finite = runner.outputs[2][..<150].allSatisfy { $0.isFinite }
            #expect(finite)
            device.quiesce()
            // The threads start again when they are needed.
            try runner.run([(0, 3, [1])])
            device.quiesce()
        }
    }

    /// `StepValidatorTests` has every rule.
    @Test func stepsAreCheckedFirst() throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: .f32)
        let device = try device(["threads": .int(2)])
        let runner = try TinyRunner(model, on: device)
        expectError(.invalidArgument, "token id 50 is outside") { try runner.run([(0, 0, [50])]) }
        try runner.run([(0, 0, [49])])
        device.quiesce()
    }

    @Test func packedWeightsLetTheMappingGo() throws {
        let catalogue = try OpCatalogue.load()
        let device = try device([:])
        let packable = try TinyModel(catalogue, dtype: .q4_1)
        let quantised = try device.compile(packable.segment)
        #expect(!quantised.info.keepsWeights)
        let model = try TinyModel(catalogue, dtype: .f32)
        let float = try device.compile(model.segment)
        #expect(float.info.keepsWeights)
        #expect(float.info.scratchBytes > 0 && quantised.info.weightBytes > 0 && quantised.info.barriersPerStep > 0)
        // One copy serves the embedding and the head.
        let stored = model.segment.graph.weights.reduce(0) { $0 + $1.elements }
        #expect(quantised.info.weightBytes < stored)
        device.quiesce()
    }

    /// A model's further graphs repeat its largest matrices. Told by where they lie on disk, not by an address that may come again.
    @Test func segmentsShareWhatTheyPackFromOneFile() throws {
        let model = try TinyModel(try OpCatalogue.load(), dtype: .q4_1)
        let path = "\(try Fixtures.temporaryDirectory())/weights"
        defer { try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent) }
        var offsets: [UInt64] = [], bytes = Data()
        for memory in model.storage {
            offsets.append(UInt64(bytes.count))
            bytes.append(contentsOf: memory)
        }
        try bytes.write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        var segment = model.segment
        for (index, offset) in offsets.enumerated() { segment.weights[index].file = (file.fileDescriptor, offset) }

        let device = try device([:])
        var first: (any Executable)? = try device.compile(segment)
        let whole = try #require(first?.info.weightBytes)
        let second = try device.compile(segment)
        #expect(second.info.weightBytes < whole / 4)
        // Without a file, and when the first ones have gone, every executable has its own.
        #expect(try device.compile(model.segment).info.weightBytes == whole)
        first = nil
        #expect(try device.compile(segment).info.weightBytes < whole / 4, "the second still holds them")
        // Changed on disk: another matrix, whatever its address.
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        let changed = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        for (index, offset) in offsets.enumerated() { segment.weights[index].file = (changed.fileDescriptor, offset) }
        #expect(try device.compile(segment).info.weightBytes == whole)
        // What is shared computes what it should.
        let (own, shared) = (try TinyRunner(model, on: device), try TinyRunner(model, on: device, executable: second))
        for runner in [own, shared] { try runner.run(Self.steps[0]) }
        #expect(own.outputs.map { $0.map(\.bitPattern) } == shared.outputs.map { $0.map(\.bitPattern) })
        device.quiesce()
    }
}
