import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing
@testable import HadalQuantization

@Suite("GGUF to GGUF")
struct RequantisingTests {
    private static func source(_ name: String, _ shape: [Int], _ dtype: DType = .f32, seed: UInt64 = 1) -> TensorSource {
        TensorSource(name: name, dtype: dtype, shape: shape, values: Quantizing.numbers(shape.reduce(1, *), seed: seed))
    }

    @Test("metadata stays as it is, in its order, but for what is said of types and shards")
    func metadata() throws {
        try Quantizing.withFolder { folder in
            let nested = MetadataArray(stringBytes: [[0xFF, 0x00, 0xC3], Array("ok".utf8), []])
            let entries: [(key: String, value: MetadataValue)] = [
                ("general.architecture", MetadataValue("nobody")), ("general.file_type", .uint32(1)), ("z.last", .float64(-0.0)),
                ("split.count", .uint16(1)), ("split.no", .uint16(0)), ("tokenizer.ggml.tokens", .array(nested)),
                ("quantize.imatrix.file", MetadataValue("x")), ("a.flags", .array(MetadataArray(bools: [true, false]))),
                ("a.text", .string(MetadataString([0xFE, 0x41]))), ("a.int8", .int8(-3)), ("general.alignment", .uint32(64)),
            ]
            let (input, output) = ("\(folder)/a.gguf", "\(folder)/b.gguf")
            try GGUFWriter.write(to: input, metadata: entries, tensors: [Self.source("blk.0.attn_q.weight", [4, 256])], alignment: 64)
            _ = try Quantizing.plan(try ModelFiles.open(path: input), .q4_K).write(to: output)
            let file = try GGUFFile(path: output)
            #expect(file.alignment == 64)
            #expect(
                file.entries.map(\.key) == [
                    "general.architecture", "general.file_type", "z.last", "tokenizer.ggml.tokens", "a.flags", "a.text", "a.int8",
                    "general.alignment",
                    "general.quantization_version",
                ])
            for entry in entries
            where !["general.file_type"].contains(entry.key) && !entry.key.hasPrefix("split.") && !entry.key.hasPrefix("quantize.") {
                #expect(file.metadata(entry.key) == entry.value, "\(entry.key)")
            }
            #expect(file.metadata("general.file_type") == .uint32(14))
            #expect(file.metadata("general.quantization_version") == .uint32(2))
            // Back to floats there is no quantisation to have a version of.
            _ = try Quantizing.plan(try ModelFiles.open(path: output), .f16).write(to: input)
            #expect(try GGUFFile(path: input).metadata("general.quantization_version") == nil)
            #expect(try GGUFFile(path: input).metadata("general.file_type") == .uint32(1))
        }
    }

    @Test("tensors are what the codec makes of them, on any number of threads", arguments: [1, 3])
    func encoding(_ threads: Int) throws {
        try Quantizing.withFolder { folder in
            let shape = [2, 1100, 512]
            let sources: [TensorSource] = [
                Self.source("blk.0.ffn_up_exps.weight", shape), Self.source("blk.0.attn_norm.weight", [512], seed: 2),
                Self.source("blk.0.attn_q.weight", [6, 512], .q8_0, seed: 3), Self.source("blk.0.attn_k.weight", [5, 96], .bf16, seed: 4),
                Self.source("blk.0.ffn_gate_inp.weight", [8, 512], seed: 5),
                TensorSource(name: "ids", dtype: .i32, shape: [3], bytes: [UInt8](1...12)),
            ]
            try Quantizing.write("\(folder)/a.gguf", sources)
            let model = try ModelFiles.open(path: "\(folder)/a.gguf")
            let plan = try Quantizing.plan(model, .q4_K, rules: ["blk.0.attn_q.weight=Q8_0"])
            var last = 0
            let report = try plan.write(to: "\(folder)/b.gguf", threads: threads) { done, total in
                #expect(done > last && total == plan.bytes)
                last = done
            }
            #expect(last == plan.bytes && report.bytes == plan.bytes && report.tensors == sources.count)
            let result = try ModelFiles.open(path: "\(folder)/b.gguf")
            #expect(result.tensors.map(\.name) == sources.map(\.name) && result.tensors.map(\.shape) == sources.map(\.shape))
            #expect(result.tensors.map(\.dtype) == [.q4_K, .f32, .q8_0, .q5_0, .f32, .i32])
            for (before, after) in zip(model.tensors, result.tensors) {
                if before.dtype == after.dtype {
                    #expect(model.bytes(of: before).elementsEqual(result.bytes(of: after)), "\(before.name)")
                    continue
                }
                let floats = try Quantizing.floats(model, before.name)
                var wanted = [UInt8](repeating: 0, count: after.byteCount)
                try wanted.withUnsafeMutableBytes { try BlockCodec.encode(after.dtype, from: floats, into: $0, count: floats.count) }
                #expect(result.bytes(of: after).elementsEqual(wanted), "\(before.name)")
            }
            #expect(plan.notes.contains { $0.contains("Q5_0, not Q4_K") })
            #expect(plan.notes.contains { $0.contains("groups are determined by tensor names alone") })
            let kind = try #require(report.kinds.first { $0.dtype == .q4_K })
            #expect(kind.worstTensor == "blk.0.ffn_up_exps.weight" && kind.worstError > 0.01 && kind.worstError < 0.2)
        }
    }

    @Test("all shards of a split file are read")
    func shards() throws {
        try Quantizing.withFolder { folder in
            for (number, name) in ["blk.0.attn_q.weight", "blk.1.attn_q.weight"].enumerated() {
                try Quantizing.write(
                    "\(folder)/m-0000\(number + 1)-of-00002.gguf", [Self.source(name, [2, 256], seed: UInt64(number))],
                    metadata: [
                        ("general.architecture", MetadataValue("nobody")), ("split.no", .uint16(UInt16(number))),
                        ("split.count", .uint16(2)),
                        ("split.tensors.count", .int32(2)),
                    ])
            }
            let model = try ModelFiles.open(path: "\(folder)/m-00002-of-00002.gguf")
            _ = try Quantizing.plan(model, .q8_0).write(to: "\(folder)/whole.gguf")
            let whole = try ModelFiles.open(path: "\(folder)/whole.gguf")
            #expect(whole.tensors.map(\.name) == ["blk.0.attn_q.weight", "blk.1.attn_q.weight"])
            #expect(whole.metadata("split.count") == nil)
        }
    }

    @Test("quantising twice is noted, and a rule that fits nothing")
    func notes() throws {
        try Quantizing.withFolder { folder in
            try Quantizing.write("\(folder)/a.gguf", [Self.source("blk.0.attn_q.weight", [2, 256], .q4_1)])
            let plan = try Quantizing.plan(try ModelFiles.open(path: "\(folder)/a.gguf"), .q4_K, rules: ["experts=Q8_0"])
            #expect(plan.notes.contains { $0.contains("1 tensor quantised before (Q4_1)") })
            #expect(plan.notes.contains { $0.contains("the rule 'experts=Q8_0' matches no tensor") })
        }
    }

    @Test(
        "numbers that cannot be written end the writing, and nothing is left",
        arguments: [
            (Float.nan, DType.q4_K, HadalError.Code.malformed, "not finite"), (.infinity, .f16, .malformed, "not finite"),
            (1e6, .f16, .limitExceeded, "too large for F16"), (3e30, .q8_0, .limitExceeded, "too large for Q8_0"),
        ])
    func numbers(_ number: Float, _ type: DType, _ code: HadalError.Code, _ message: String) throws {
        try Quantizing.withFolder { folder in
            var values = Quantizing.numbers(512)
            values[300] = number
            try Quantizing.write(
                "\(folder)/a.gguf", [TensorSource(name: "blk.0.attn_q.weight", dtype: .f32, shape: [2, 256], values: values)])
            let plan = try Quantizing.plan(try ModelFiles.open(path: "\(folder)/a.gguf"), type)
            expectError(code, message, "blk.0.attn_q.weight") { try plan.write(to: "\(folder)/b.gguf") }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a.gguf"])
        }
    }

    @Test("very large numbers that fit are written")
    func large() throws {
        try Quantizing.withFolder { folder in
            try Quantizing.write(
                "\(folder)/a.gguf",
                [TensorSource(name: "a.weight", dtype: .f32, shape: [1, 256], values: [Float](repeating: 1e30, count: 256))])
            _ = try Quantizing.plan(try ModelFiles.open(path: "\(folder)/a.gguf"), .bf16).write(to: "\(folder)/b.gguf")
            #expect(try Quantizing.floats(try ModelFiles.open(path: "\(folder)/b.gguf"), "a.weight")[0] > 9e29)
        }
    }

    @Test("the model is not written over, by any of its names")
    func sameFile() throws {
        try Quantizing.withFolder { folder in
            let input = "\(folder)/a.gguf"
            try Quantizing.write(input, [Self.source("blk.0.attn_q.weight", [2, 256])])
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/link.gguf", withDestinationPath: input)
            let before = FileManager.default.contents(atPath: input)
            let plan = try Quantizing.plan(try ModelFiles.open(path: input), .q8_0)
            for path in [input, "\(folder)/link.gguf", "\(folder)/./a.gguf"] {
                expectError(.invalidArgument, "would replace the model") { try plan.write(to: path) }
            }
            #expect(FileManager.default.contents(atPath: input) == before)
        }
    }

    @Test("what stops the writing leaves what was there")
    func interrupted() throws {
        try Quantizing.withFolder { folder in
            try Quantizing.write(
                "\(folder)/a.gguf", [Self.source("blk.0.attn_q.weight", [2, 256]), Self.source("blk.1.attn_q.weight", [2, 256])])
            try Data("old".utf8).write(to: URL(fileURLWithPath: "\(folder)/b.gguf"))
            let plan = try Quantizing.plan(try ModelFiles.open(path: "\(folder)/a.gguf"), .q8_0)
            expectError(.cancelled) {
                try plan.write(to: "\(folder)/b.gguf") { done, total in if done < total { throw HadalError(.cancelled, "stop") } }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["a.gguf", "b.gguf"])
            #expect(FileManager.default.contents(atPath: "\(folder)/b.gguf") == Data("old".utf8))
        }
    }

    @Test("what cannot be a matrix type is refused", arguments: [DType.f8_e4m3, .i32, .bool, .f64])
    func types(_ type: DType) throws {
        let model = try ModelFiles.open(path: Fixtures.path("models/llama"))
        expectError(.invalidArgument) { try Quantizing.plan(model, type) }
    }
}
