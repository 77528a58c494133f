import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

@Suite struct GGUFWritingTests {
    private func metadata() throws -> [(key: String, value: MetadataValue)] {
        [
            ("general.architecture", MetadataValue("tiny")), ("a", .uint8(1)), ("b", .int8(-1)), ("c", .uint16(2)), ("d", .int16(-2)),
            ("e", .uint32(3)), ("f", .int32(-3)), ("g", .uint64(.max)), ("h", .int64(.min)), ("i", .float32(.nan)), ("j", .float64(0.1)),
            ("k", .bool(true)), ("l", .string(MetadataString([0xFF, 0]))), ("m", .array(MetadataArray(strings: ["x", "", "yz"]))),
            ("n", .array(MetadataArray(floats: [1, 2]))), ("o", .array(MetadataArray(int32: [-1]))),
            ("p", .array(MetadataArray(uint32: []))),
            ("q", .array(MetadataArray(bools: [true, false]))), ("r", .array(MetadataArray(stringBytes: [[0xC3]]))),
            ("s", .array(try MetadataArray(.array, [.array(MetadataArray(int32: [7, 8])), .array(MetadataArray(strings: ["deep"]))]))),
        ]
    }

    @Test(arguments: [32, 1, 4096])
    func roundTrip(_ alignment: Int) throws {
        let scratch = try Scratch()
        let path = scratch.file("m.gguf")
        let values = (0..<512).map { Float($0) / 100 - 2 }
        var steps: [Int] = []
        let written = try metadata()
        try GGUFWriter.write(
            to: path, metadata: written,
            tensors: [
                TensorSource(name: "plain", dtype: .f32, shape: [2, 256], values: values),
                TensorSource(name: "blocks", dtype: .q4_K, shape: [2, 256], values: values),
                TensorSource(name: "pieces", dtype: .i8, shape: [5, 7]) { sink in
                    for i in 0..<35 { try withUnsafeBytes(of: Int8(i)) { try sink($0) } }
                },
                TensorSource(name: "scalar", dtype: .f32, shape: [], values: [3]),
                TensorSource(name: "empty", dtype: .f16, shape: [0, 4], bytes: []),
            ], alignment: alignment, progress: { done, _ in steps.append(done) })
        #expect(scratch.names == ["m.gguf"])
        #expect(steps == [2048, 2336, 2371, 2375, 2375])

        let model = try ModelFiles.open(path: path)
        #expect(model.gguf?.files[0].alignment == alignment)
        for (key, value) in written { #expect(model.metadata(key) == value, "\(key)") }
        #expect(model.metadata("s")?.array?[1].array?.strings == ["deep"])
        #expect(model.tensors.map(\.shape) == [[2, 256], [2, 256], [5, 7], [], [0, 4]])
        let plain = try #require(try model.tensor(named: "plain"))
        #expect(model.bytes(of: plain).elementsEqual(values.withUnsafeBytes { Array($0) }))
        let pieces = try #require(try model.tensor(named: "pieces"))
        #expect(Array(model.bytes(of: pieces)) == (0..<35).map { UInt8($0) })
        for tensor in model.tensors {
            #expect(tensor.range.lowerBound % alignment == 0)
            let range = try #require(model.fileRange(of: tensor))
            var read = [UInt8](repeating: 0, count: range.count)
            #expect(pread(range.descriptor, &read, range.count, range.offset) == range.count)
            #expect(read.elementsEqual(model.bytes(of: tensor)))
        }

        // What was read can be written again, byte for byte.
        let copy = scratch.file("copy.gguf")
        try GGUFWriter.write(
            to: copy, metadata: model.metadataKeys.map { ($0, model.metadata($0) ?? .bool(false)) },
            tensors: model.tensors.map { TensorSource(copying: $0, of: model) }, alignment: alignment)
        #expect(FileManager.default.contentsEqual(atPath: path, andPath: copy))
    }

    @Test func failuresLeaveNothing() throws {
        let scratch = try Scratch()
        let path = try scratch.write("m.gguf", "old")
        func write(_ tensors: [TensorSource], metadata: [(key: String, value: MetadataValue)] = [], alignment: Int = 32) throws {
            try GGUFWriter.write(to: path, metadata: metadata, tensors: tensors, alignment: alignment)
        }
        func tensor(_ name: String = "t", _ dtype: DType = .f32, _ shape: [Int] = [2], _ count: Int = 8) -> TensorSource {
            TensorSource(name: name, dtype: dtype, shape: shape, bytes: [UInt8](repeating: 0, count: count))
        }
        expectError(.mismatch, "'t'", "7 bytes", "8") { try write([tensor("t", .f32, [2], 7)]) }
        expectError(.mismatch, "'t'", "more than the 8 bytes") { try write([tensor("t", .f32, [2], 9)]) }
        expectError(.invalidArgument, "'t'", "[33]", "Q4_0") { try write([tensor("t", .q4_0, [33], 18)]) }
        expectError(.invalidArgument, "'t'", "-1") { try write([tensor("t", .f32, [-1], 0)]) }
        expectError(.invalidArgument, "'t'", "shape") { try write([tensor("t", .f32, [1 << 40, 1 << 40], 0)]) }
        expectError(.invalidArgument, "5 dimensions") { try write([tensor("t", .f32, [1, 1, 1, 1, 2])]) }
        expectError(.invalidArgument, "'t' appears twice") { try write([tensor(), tensor()]) }
        expectError(.invalidArgument, "'k' appears twice") { try write([], metadata: [("k", .bool(true)), ("k", .bool(true))]) }
        expectError(.invalidArgument, "F8_E4M3") { try write([tensor("t", .f8_e4m3, [8])]) }
        expectError(.invalidArgument, "alignment 48") { try write([], alignment: 48) }
        expectError(.invalidArgument, "general.alignment is 64") { try write([], metadata: [("general.alignment", .uint32(64))]) }
        expectError(.mismatch, "element 1", "uint8") { try MetadataArray(.int32, [.int32(1), .uint8(1)]) }
        expectError(.io, "cannot create") { try GGUFWriter.write(to: scratch.file("no/m.gguf"), metadata: [], tensors: []) }
        #expect(scratch.names == ["m.gguf"])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        try write([tensor()])
        #expect(try ModelFiles.open(path: path).tensorNames == ["t"])
    }

    /// The file was made by the public `gguf` package's own writer.
    @Test func readsThePackagesFiles() throws {
        let model = try ModelFiles.open(path: Fixtures.path("formats/package.gguf.bin"))
        #expect(model.metadata("general.architecture")?.string == "tiny")
        #expect(model.metadata("tiny.block_count")?.int == 3)
        #expect(model.metadata("tiny.rope.freq_base")?.double == 10000)
        #expect(model.metadata("tokenizer.ggml.tokens")?.array?.strings == ["<s>", "é", "\u{2581}the"])
        #expect(model.metadata("tokenizer.ggml.scores")?.array?.floats == [0, -1.5, -2])
        #expect(model.metadata("tokenizer.ggml.token_type")?.array?.ints == [3, 1, 1])
        #expect(model.metadata("tiny.flag")?.bool == true)
        let weight = try #require(try model.tensor(named: "blk.0.attn_q.weight"))
        #expect(weight.shape == [3, 64] && weight.dtype == .q8_0)
        let bytes = model.bytes(of: weight)
        var values = [Float](repeating: 0, count: 192)
        try BlockCodec.decode(.q8_0, from: bytes, into: &values, count: 192)
        #expect(zip(values, 0..<192).allSatisfy { abs($0 - Float($1)) < 1 })
        #expect(try model.tensor(named: "norm.weight")?.shape == [5])
    }
}
