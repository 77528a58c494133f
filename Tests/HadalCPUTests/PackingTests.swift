import CHadalKernels
import Foundation
import HadalBackend
@testable import HadalCPU
import HadalCore
import HadalGraph
import TestSupport
import Testing

/// How stored weights are read and packed when a model is loaded.
@Suite(.serialized) struct PackingTests {
    private func device() throws -> CPUDevice {
        try #require(try CPUBackend().open(device: 0, options: ["threads": .int(2)], log: .silent) as? CPUDevice)
    }

    /// Two linears, as one file of `offset` other bytes and then the weights, with a few bytes between them.
    private struct Model {
        var segment: Segment
        var offsets: [Int]
        var bytes: [UInt8]

        init(scale: Int, offset: Int = 100) throws {
            var builder = GraphBuilder(name: "packing", catalogue: try OpCatalogue.load())
            let shapes = [[64 * scale, 2048], [37, 64 * scale]]
            let weights = shapes.enumerated().map { builder.weight(.init(name: "w\($0)", dtype: .q4_1, dims: $1)) }
            let x = builder.input("x", dtype: .f32, dims: [.tokens, .fixed(2048)])
            let h = try builder.node(
                "linear", label: "a", inputs: [.value(x), .weight(weights[0])], states: [], attributes: [:], outputNames: ["h"])[0]
            let y = try builder.node(
                "linear", label: "b", inputs: [.value(h), .weight(weights[1])], states: [], attributes: [:], outputNames: ["y"])[0]
            builder.output(y)
            var random = SplitMix64(seed: 5)
            var content = [UInt8](repeating: 0, count: offset), starts: [Int] = []
            for weight in builder.graph.weights {
                starts.append(content.count)
                // Whatever they are taken for, no infinities.
                for _ in 0..<weight.bytes { content.append(UInt8(truncatingIfNeeded: random.next()) & 0x3B) }
                content += [1, 2, 3]
            }
            bytes = content
            offsets = starts
            segment = Segment(
                graph: builder.graph, weights: builder.graph.weights.map { _ in .init(bytes: nil) },
                bounds: .init(tokens: 4, sequences: 1, rows: 4), stateDType: .f32, pageTokens: 64)
        }

        /// Points the weights into memory that holds the file's bytes.
        mutating func bind(_ memory: UnsafeRawBufferPointer, file: Int32?) {
            for (index, offset) in offsets.enumerated() {
                let range = offset..<offset + segment.graph.weights[index].bytes
                segment.weights[index].bytes = UnsafeRawBufferPointer(rebasing: memory[range])
                segment.weights[index].file = file.map { ($0, UInt64(offset)) }
            }
        }
    }

    private func copy(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
        memory.copyBytes(from: bytes)
        return memory
    }

    private func packed(_ segment: Segment, on device: CPUDevice) throws -> [[UInt8]] {
        let store = try WeightStore(segment, on: device)
        return try segment.graph.weights.indices.map { index in
            let matrix = try store.matrix(index), dims = segment.graph.weights[index].dims
            let bytes = Int(hadal_packed_bytes(matrix.packing, Int64(dims[0]), Int64(dims[1])))
            return Array(UnsafeRawBufferPointer(start: matrix.pointer, count: bytes))
        }
    }

    private func job(_ file: Int32?, offset: Int, matrices: Int, rows: Int, columns: Int, from memory: UnsafeMutableRawPointer)
        -> PackingJob
    {
        PackingJob(
            name: "w", dtype: DType.q4_1.rawValue, matrices: matrices, rows: rows, columns: columns, rowBytes: columns / 32 * 20,
            packing: hadal_packing_of(DType.q4_1.rawValue, InstructionSet.available.rawValue), bytes: UnsafeRawPointer(memory),
            file: file.map { ($0, UInt64(offset)) }, target: memory)
    }

    /// Kilobytes of the mappings of a file that are resident.
    private func resident(_ path: String) throws -> Int {
        var sum = 0, isWithin = false
        for line in try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8).split(separator: "\n") {
            let fields = line.split(separator: " ")
            if let first = fields.first, !first.hasSuffix(":") { isWithin = line.hasSuffix(path) }
            if isWithin, fields.first == "Rss:", fields.count > 1 { sum += Int(fields[1]) ?? 0 }
        }
        return sum
    }

    @Test func batchesCoverEveryRowOnce() throws {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        defer { memory.deallocate() }
        let jobs = [
            job(7, offset: 4097, matrices: 3, rows: 37, columns: 64, from: memory),
            job(7, offset: 4097 + 3 * 37 * 40, matrices: 1, rows: 500, columns: 64, from: memory),
            job(nil, offset: 0, matrices: 2, rows: 16, columns: 32, from: memory),
            job(9, offset: 5, matrices: 1, rows: 33, columns: 4096, from: memory),
        ]
        for limit in [1, 700, 3000, 20_000, 1 << 20] {
            let batches = PackingBatch.batches(of: jobs, limit: limit)
            var seen = jobs.map { Array(repeating: 0, count: $0.matrices * $0.rows) }
            for batch in batches {
                #expect(batch.bytes <= max(limit, batch.pieces.map { jobs[$0.job].groupBytes }.max() ?? 0))
                for piece in batch.pieces {
                    let job = jobs[piece.job]
                    #expect(piece.first % Int(HADAL_PACK_ROWS) == 0 && piece.first + piece.count <= job.rows)
                    for row in piece.first..<piece.first + piece.count { seen[piece.job][piece.matrix * job.rows + row] += 1 }
                    let start = (piece.matrix * job.rows + piece.first) * job.rowBytes
                    if let number = piece.read, let file = job.file {
                        let read = batch.reads[number]
                        #expect(read.descriptor == file.descriptor && Int(read.offset) + piece.offset == Int(file.offset) + start)
                        #expect(piece.offset + piece.count * job.rowBytes <= read.count)
                    } else {
                        #expect(job.file == nil && piece.offset == start)
                    }
                }
                for (read, next) in zip(batch.reads, batch.reads.dropFirst()) {
                    #expect(
                        next.bufferOffset >= read.bufferOffset + read.skip + read.count
                            && next.bufferOffset % PackingBatch.Read.alignment == 0)
                }
                #expect(batch.bufferBytes >= batch.reads.reduce(0) { $0 + $1.count })
            }
            #expect(seen.allSatisfy { $0.allSatisfy { $0 == 1 } }, "limit \(limit)")
        }
        // What follows each other in a file is read at once.
        #expect(PackingBatch.batches(of: Array(jobs.prefix(2)), limit: 1 << 20).map(\.reads.count) == [1])
    }

    @Test func readsThroughAndPastTheCacheGiveTheFile() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/file"))
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "\(folder)/file"))
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        defer { memory.deallocate() }
        let jobs = [
            job(file.fileDescriptor, offset: 11, matrices: 5, rows: 50, columns: 3200, from: memory),
            job(file.fileDescriptor, offset: 3_000_001 - 2000 * 20 * 16, matrices: 1, rows: 16, columns: 64_000, from: memory),
        ]
        let batches = PackingBatch.batches(of: jobs, limit: 100_000)
        for policy in [BatchReader.CachePolicy.keep, .keepSlow, .never] {
            let reader = try BatchReader(batches, of: jobs, policy)
            for batch in batches {
                let buffer = try reader.next()
                for read in batch.reads {
                    let got = UnsafeRawBufferPointer(start: buffer + read.bufferOffset + read.skip, count: read.count)
                    #expect(got.elementsEqual(bytes[Int(read.offset)..<Int(read.offset) + read.count]))
                }
                reader.release()
            }
            // Given up half way: the thread ends.
            _ = try BatchReader(batches, of: jobs, policy).next()
        }
        // Cut meanwhile: an error, not a signal.
        try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/file")).truncate(atOffset: 100_000)
        for policy in [BatchReader.CachePolicy.keep, .never] {
            let reader = try BatchReader(batches, of: jobs, policy)
            expectError(.io, "'w'") {
                for _ in batches {
                    _ = try reader.next()
                    reader.release()
                }
            }
        }
    }

    /// 40 MB, of which the mapping keeps next to nothing, and what is packed takes no more than what is stored.
    @Test func packingLeavesTheMappingAlone() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/weights"
        var model = try Model(scale: 480)
        try Data(model.bytes).write(to: URL(fileURLWithPath: path))
        let device = try device()
        defer { device.quiesce() }
        let mapping = try MappedFile(path: path)
        model.bind(mapping.bytes, file: mapping.descriptor)
        let executable = try device.compile(model.segment)
        #expect(try resident(path) < 256, "kB of \(mapping.count >> 10) are mapped in")
        #expect(Double(executable.info.weightBytes) < 1.05 * Double(mapping.count) && !executable.info.keepsWeights)
        // The same bytes as from memory.
        let fromFile = try packed(model.segment, on: device)
        let memory = copy(model.bytes)
        defer { memory.deallocate() }
        model.bind(UnsafeRawBufferPointer(memory), file: nil)
        let fromMemory = try packed(model.segment, on: device)
        #expect(fromMemory == fromFile)
        withExtendedLifetime((executable, mapping)) {}
    }

    /// A range that the file does not hold is not read from it.
    @Test func rangesBeyondTheFileAreNotRead() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var model = try Model(scale: 1)
        try Data(model.bytes.dropLast(50)).write(to: URL(fileURLWithPath: "\(folder)/short"))
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "\(folder)/short"))
        let device = try device()
        defer { device.quiesce() }
        let memory = copy(model.bytes)
        defer { memory.deallocate() }
        model.bind(UnsafeRawBufferPointer(memory), file: nil)
        let expected = try packed(model.segment, on: device)
        model.bind(UnsafeRawBufferPointer(memory), file: file.fileDescriptor)
        let short = try packed(model.segment, on: device)
        #expect(short == expected)
        model.segment.weights[1].file?.offset = .max - 5
        let beyond = try packed(model.segment, on: device)
        #expect(beyond == expected)
    }
}
