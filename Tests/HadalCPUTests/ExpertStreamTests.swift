import CAllocationCounter
import CHadalKernels
import Foundation
import HadalBackend
@testable import HadalCPU
import HadalCore
import HadalGraph
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Experts read from disk as they are needed: the bits of the resident form, whatever fits.
@Suite(.serialized) struct ExpertStreamTests {
    /// A tiny mixture whose experts lie in a file, behind odd offsets.
    private final class Stored {
        let model: TinyModel
        let path: String
        let descriptor: Int32
        let segment: Segment
        /// Of one expert in memory, at least.
        let expertBytes: Int

        init(_ dtype: DType) throws {
            model = try TinyModel(try OpCatalogue.load(), dtype: dtype, isMixture: true)
            path = "\(try Fixtures.temporaryDirectory())/experts"
            var data = Data(repeating: 7, count: 333)
            var segment = model.segment
            var expertBytes = 0
            var offsets: [Int: Int] = [:]
            for node in segment.graph.nodes where node.op == "experts" {
                expertBytes = 0
                for case .weight(let weight) in node.inputs[3...5] {
                    guard let bytes = segment.weights[weight].bytes else { continue }
                    data.append(contentsOf: repeatElement(9, count: weight % 13))
                    offsets[weight] = data.count
                    data.append(contentsOf: bytes)
                    expertBytes += bytes.count / segment.graph.weights[weight].dims[0]
                }
            }
            try data.write(to: URL(fileURLWithPath: path))
            let file = open(path, O_RDWR)
            descriptor = file
            for (weight, offset) in offsets {
                let experts = segment.graph.weights[weight].dims[0], bytes = segment.graph.weights[weight].bytes / experts
                segment.weights[weight] = .init(
                    bytes: nil,
                    pieces: (0..<experts).map { .init(descriptor: file, offset: UInt64(offset + $0 * bytes), bytes: bytes) })
            }
            self.segment = segment
            self.expertBytes = expertBytes
        }

        deinit {
            close(descriptor)
            try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent)
        }
    }

    /// The steps of the model tests, then tokens one by one.
    private static let steps: [[(sequence: Int, past: Int, tokens: [Int32])]] =
        ModelTests.steps + (0..<6).map { [(sequence: 2, past: 20 + $0, tokens: [Int32($0 * 7 % 50)])] }

    private func device(_ options: [String: OptionValue]) throws -> any Device {
        try CPUBackend().open(device: 0, options: options.merging(["blas": .string("off")]) { a, _ in a }, log: .silent)
    }

    private func results(_ runner: TinyRunner) throws -> [[Float]] {
        try Self.steps.flatMap { step in
            try runner.run(step)
            return runner.outputs.map { $0.filter { !$0.isNaN } }
        }
    }

    private static func isAboutMemory(_ hint: HadalError.Hint?) -> Bool {
        if case .change(.expertMemory, .raise, .bytes)? = hint?.steps.first { true } else { false }
    }

    /// Pages of one expert, by what the limit's error says.
    private func least(_ stored: Stored, _ options: [String: OptionValue] = [:]) throws -> Int {
        let tight = try device(options.merging(["expert-memory": .int(1)]) { a, _ in a })
        do {
            _ = try tight.compile(stored.segment)
            Issue.record("a limit of one byte was taken")
            return 0
        } catch let error as HadalError {
            #expect(error.code == .limitExceeded && Self.isAboutMemory(error.hint), "\(error)")
            let numbers = error.message.split { !$0.isNumber }.compactMap { Int($0) }
            return try #require(numbers.last(where: { $0 > 4096 }))
        }
    }

    @Test(arguments: [DType.f32, .bf16, .q8_0, .q4_1], [1, 2, 3])
    func theLimitChangesNoBit(dtype: DType, threads: Int) throws {
        let stored = try Stored(dtype)
        let resident = try results(TinyRunner(stored.model, on: device(["threads": .int(Int64(threads))])))
        let least = try least(stored)
        #expect(least >= 2 * stored.expertBytes && least < 4 * stored.expertBytes + 4 * 4096)
        for limit in [least, least * 3 / 2, 3 * least, 20 * least] {
            for (prefetch, reads) in [(true, "direct"), (false, "cached")] {
                let device = try device([
                    "threads": .int(Int64(threads)), "expert-memory": .int(Int64(limit)), "expert-prefetch": .bool(prefetch),
                    "expert-reads": .string(reads),
                ])
                let runner = try TinyRunner(stored.model, on: device, as: stored.segment)
                let got = try results(runner)
                #expect(got == resident, "limit \(limit), prefetch \(prefetch), \(reads)")
                let statistics = try #require(runner.executable.expertStatistics)
                #expect(statistics.heldBytes <= limit && statistics.limitBytes == limit && statistics.totalBytes == 6 * least)
                #expect(statistics.reads > 0 && statistics.misses > 0 && statistics.readBytes == statistics.reads * stored.expertBytes)
                #expect(prefetch || statistics.prefetches == 0)
                device.quiesce()
            }
        }
    }

    @Test(arguments: InstructionSet.onThisMachine)
    func everyInstructionSet(isa: InstructionSet) throws {
        let stored = try Stored(.q8_0)
        let options: [String: OptionValue] = ["threads": .int(2), "isa": .string(isa.name)]
        let resident = try results(TinyRunner(stored.model, on: device(options)))
        let limit = try least(stored, options)
        let streamed = try device(options.merging(["expert-memory": .int(Int64(limit))]) { a, _ in a })
        #expect(try results(TinyRunner(stored.model, on: streamed, as: stored.segment)) == resident)
        streamed.quiesce()
    }

    /// With room for all, each expert is read once.
    @Test func whatFitsIsReadOnce() throws {
        let stored = try Stored(.q4_1)
        let device = try device(["expert-memory": .int(1 << 30), "threads": .int(2)])
        let runner = try TinyRunner(stored.model, on: device, as: stored.segment)
        _ = try results(runner)
        let once = try #require(runner.executable.expertStatistics)
        #expect(once.reads <= 12 && once.heldBytes > 0)
        _ = try results(runner)
        _ = try results(runner)
        let later = try #require(runner.executable.expertStatistics)
        #expect(later.reads <= 12 && later.hits > once.hits && later.misses <= 12 && later.hitRate > once.hitRate)
        device.quiesce()
    }

    /// Guesses are made for the second layer alone, and none is read twice while there is room.
    @Test func guessesAreReadOnce() throws {
        let stored = try Stored(.f32)
        let device = try device(["expert-memory": .int(1 << 30), "threads": .int(2)])
        let runner = try TinyRunner(stored.model, on: device, as: stored.segment)
        _ = try results(runner)
        let statistics = try #require(runner.executable.expertStatistics)
        #expect(statistics.prefetches <= 6 && statistics.prefetchHits <= statistics.prefetches && statistics.reads <= 12)
        device.quiesce()
    }

    /// A guess that comes true is a hit; one that does not makes room for what is needed.
    @Test func guesses() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let values = (0..<8 * 1024).map { Float($0) }
        try values.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: "\(folder)/experts"))
        let descriptor = open("\(folder)/experts", O_RDONLY)
        defer { close(descriptor) }
        let part = ExpertLayer.Part(
            name: "gate", dtype: DType.f32.rawValue, packing: 0, rows: 32, columns: 32, rowBytes: 128, storedBytes: 4096, offset: 0,
            bytes: 4096,
            pieces: (0..<8).map { (descriptor, UInt64($0 * 4096)) })
        let layer = try ExpertLayer([part], experts: 8)
        let cache = ExpertCache(
            .init(limit: 3 * 4096),
            pack: try InstructionStream.function(try #require(StockKernels.byOp["linear"]?["linear_pack"]), .baseline))
        let number = try cache.add(layer)

        func expect(_ experts: [Int32]) -> Int { experts.withUnsafeBufferPointer { cache.expect(number, $0) } }
        func step(_ needs: [Int32]) throws {
            needs.withUnsafeBufferPointer { cache.begin(number, needs: $0) }
            for expert in needs {
                var answer = cache.acquire(number, Int(expert))
                var seen = cache.ended
                while case .pending = answer {
                    _ = cache.wait(past: seen, for: number)
                    seen = cache.ended
                    answer = cache.poll(number, Int(expert))
                }
                guard case .ready(let region) = answer else {
                    Issue.record("\(answer)")
                    return
                }
                #expect(region.load(as: Float.self) == Float(Int(expert) * 1024))
                cache.release(number, Int(expert))
            }
        }
        func settle() {
            while cache.wait(past: cache.ended, for: number) {}
        }

        #expect(expect([2, 5]) == 2)
        settle()
        try step([2, 5])
        var statistics = cache.statistics(of: [number])
        #expect(statistics.hits == 2 && statistics.prefetchHits == 2 && statistics.misses == 0 && statistics.prefetches == 2)
        try step([2])
        statistics = cache.statistics(of: [number])
        #expect(statistics.hits == 3 && statistics.prefetchHits == 2)
        // There is room for three: guesses displace what is not expected, and no more are taken than fit.
        #expect(expect([0, 1, 3, 4, 6]) == 3)
        settle()
        try step([7])
        statistics = cache.statistics(of: [number])
        #expect(
            statistics.misses == 1 && statistics.prefetches == 5 && statistics.heldBytes <= 3 * 4096 && statistics.readBytes == 6 * 4096)
        cache.remove([number])
        #expect(cache.statistics(of: [number]).heldBytes == 0)
        cache.quiesce()
    }

    /// What a read of a guess waits for in `aFailedGuessIsReadAgainForTheStepThatCameToNeedIt`, and what it calls.
    private static let gate = Gate()
    private final class Gate: @unchecked Sendable {
        let entered = DispatchSemaphore(value: 0), go = DispatchSemaphore(value: 0)
        var descriptor: Int32 = -1
        var packs = 0
    }

    /// A guess is half read when a step comes to need it; its other half then fails, and is there the next time.
    @Test func aFailedGuessIsReadAgainForTheStepThatCameToNeedIt() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(repeating: 1, count: 4096).write(to: URL(fileURLWithPath: "\(folder)/experts"))
        let descriptor = open("\(folder)/experts", O_RDWR)
        defer { close(descriptor) }
        Self.gate.descriptor = descriptor
        Self.gate.packs = 0
        let parts = ["gate", "up"].enumerated().map { number, name in
            ExpertLayer.Part(
                name: name, dtype: DType.f32.rawValue, packing: 1, rows: 32, columns: 32, rowBytes: 128, storedBytes: 4096, offset: 0,
                bytes: 4096,
                pieces: [(descriptor, UInt64(number * 4096))])
        }
        let cache = ExpertCache(.init(limit: 2 * 8192, threads: 1, isDirect: false)) { _, _ in
            let gate = ExpertStreamTests.gate
            gate.packs += 1
            if gate.packs == 1 {
                gate.entered.signal()
                gate.go.wait()
            } else {
                _ = ftruncate(gate.descriptor, 8192)
            }
        }
        let number = try cache.add(ExpertLayer(parts, experts: 1))
        let needs: [Int32] = [0]
        #expect(needs.withUnsafeBufferPointer { cache.expect(number, $0) } == 1)
        Self.gate.entered.wait()
        needs.withUnsafeBufferPointer { cache.begin(number, needs: $0) }
        guard case .pending = cache.acquire(number, 0) else {
            Self.gate.go.signal()
            Issue.record("ready before it was read")
            return
        }
        Self.gate.go.signal()
        while cache.wait(past: cache.ended, for: number) {}
        guard case .ready = cache.poll(number, 0) else {
            Issue.record("\(cache.poll(number, 0)): \(cache.lastFailure)")
            return
        }
        #expect(Self.gate.packs == 3 && cache.statistics(of: [number]).reads == 1)
        cache.release(number, 0)
        cache.quiesce()
    }

    @Test(arguments: ["direct", "cached"]) func aReadThatFailsEndsTheStepAndNothingElse(reads: String) throws {
        let stored = try Stored(.q8_0)
        let resident = try results(TinyRunner(stored.model, on: device(["threads": .int(2)])))
        let limit = try least(stored)
        let device = try device(["threads": .int(2), "expert-memory": .int(Int64(limit)), "expert-reads": .string(reads)])
        let runner = try TinyRunner(stored.model, on: device, as: stored.segment)
        let whole = try Data(contentsOf: URL(fileURLWithPath: stored.path))
        #expect(ftruncate(stored.descriptor, 400) == 0)
        for _ in 0..<3 {
            do {
                try runner.run(Self.steps[0])
                Issue.record("a step went well without its weights")
            } catch let error as HadalError {
                #expect(
                    error.code == .io && error.message.contains("cannot read expert") && error.message.contains("the file ended"),
                    "\(error)")
            }
        }
        let back = whole.withUnsafeBytes { pwrite(stored.descriptor, $0.baseAddress, $0.count, 0) }
        #expect(back == whole.count)
        #expect(try results(runner) == resident)
        device.quiesce()
    }

    @Test func piecesThatDoNotFitAreRefused() throws {
        let stored = try Stored(.f32)
        let device = try device(["expert-memory": .int(1 << 30)])
        for change in 0..<3 {
            var segment = stored.segment
            let index = try #require(segment.weights.firstIndex { !$0.pieces.isEmpty })
            switch change {
            case 0: segment.weights[index].pieces.removeLast()
            case 1: segment.weights[index].pieces[2].bytes -= 1
            default: segment.weights[index].pieces[0].offset = UInt64.max - 10
            }
            expectError(.mismatch, change == 0 ? "pieces for" : "its shape requires") { try device.compile(segment) }
        }
        // Without a limit there is nobody to read pieces.
        expectError(.invalidArgument, "has no data") { try self.device([:]).compile(stored.segment) }
    }

    @Test func aCancelledStepLeavesTheCacheInOrder() throws {
        let stored = try Stored(.q4_1)
        let limit = try least(stored)
        let device = try device(["threads": .int(2), "expert-memory": .int(Int64(limit))])
        let runner = try TinyRunner(stored.model, on: device, as: stored.segment)
        let resident = try results(TinyRunner(stored.model, on: self.device(["threads": .int(2)])))
        runner.cancel = 1
        for step in Self.steps.prefix(3) { expectError(.cancelled) { try runner.run(step) } }
        runner.cancel = 0
        #expect(try results(runner) == resident)
        device.quiesce()
    }

    /// Two models share a device's limit, and one that goes makes room.
    @Test func executablesShareTheLimit() throws {
        let first = try Stored(.q8_0), second = try Stored(.f32)
        let limit = try least(second) * 2
        let device = try device(["threads": .int(2), "expert-memory": .int(Int64(limit))])
        let expected = try [first, second].map { try results(TinyRunner($0.model, on: self.device(["threads": .int(2)]))) }
        for _ in 0..<3 {
            let one = try TinyRunner(first.model, on: device, as: first.segment)
            let other = try TinyRunner(second.model, on: device, as: second.segment)
            #expect(try results(one) == expected[0])
            #expect(try results(other) == expected[1])
            #expect(try results(one) == expected[0])
            let held = try #require(one.executable.expertStatistics).heldBytes + #require(other.executable.expertStatistics).heldBytes
            #expect(held <= limit)
        }
        device.quiesce()
    }

    /// Many short runs, with threads that end and start again in between.
    @Test func manyTimes() throws {
        let stored = try Stored(.q4_1)
        let resident = try results(TinyRunner(stored.model, on: device(["threads": .int(2)])))
        let limit = try least(stored)
        for round in 0..<12 {
            let device = try device([
                "threads": .int(Int64(1 + round % 3)), "expert-memory": .int(Int64(limit + round * 4096)),
                "expert-threads": .int(Int64(1 + round % 4)),
            ])
            let runner = try TinyRunner(stored.model, on: device, as: stored.segment)
            for repetition in 0..<4 {
                #expect(try results(runner) == resident, "round \(round)")
                if repetition % 2 == 1 { device.quiesce() }
            }
        }
    }

    /// Experts that are there cost a step no allocation.
    @Test func aDecodeStepAllocatesNothing() throws {
        let stored = try Stored(.q8_0)
        let device = try device(["threads": .int(2), "expert-memory": .int(1 << 30)])
        let runner = try TinyRunner(stored.model, on: device, as: stored.segment)
        try #require(allocation_counter_watch())
        for _ in 0..<3 { _ = try results(runner) }
        var counts: [UInt64] = []
        counts.reserveCapacity(2)
        try runner.run([(0, 4, [4])], repeats: 50) { counts.append(allocation_counter_thread()) }
        #expect(counts.count == 2 && counts[1] - counts[0] == 0, "\(counts[1] - counts[0])")
        device.quiesce()
    }
}
