import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

@Suite struct ModelFilesTests {
    @Test(.enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func everyReferenceModelOpens() throws {
        let models = try #require(Fixtures.goldens) + "/models"
        let names = try FileManager.default.contentsOfDirectory(atPath: models)
        #expect(!names.isEmpty)
        for name in names {
            let model = try ModelFiles.open(path: "\(models)/\(name)")
            #expect(model.kind == .huggingFace)
            #expect(model.config?["model_type"]?.string != nil)
            #expect(!model.tensors.isEmpty && model.unreadable.isEmpty)
            for tensor in model.tensors { #expect(model.bytes(of: tensor).count == tensor.dtype.byteCount(elements: tensor.elementCount)) }
        }
    }

    @Test(.enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func vocabularyWithoutTensorsOpens() throws {
        let path = try #require(Fixtures.goldens) + "/tokenizers/smollm2.vocab.gguf"
        let model = try ModelFiles.open(path: path)
        #expect(model.kind == .gguf)
        #expect(model.tensors.isEmpty)
        #expect(model.metadata("tokenizer.ggml.model")?.string == "gpt2")
        let tokens = try #require(model.metadata("tokenizer.ggml.tokens")?.array)
        #expect(tokens.count == 49152)
        #expect(tokens.strings?.count == 49152)
    }

    @Test func theFirstBytesDecide() throws {
        let scratch = try Scratch()
        let text = try scratch.write("notes.gguf", "# My notes\nare long")
        expectError(.malformed, "notes.gguf at byte 0", "GGUF", "\"# My not\"", "23 20 4D 79") { try ModelFiles.open(path: text) }
        let empty = try scratch.write("empty.gguf", "")
        expectError(.malformed, "empty.gguf", "the file is empty") { try ModelFiles.open(path: empty) }
        let weights = try scratch.write("w.gguf", HuggingFaceTests.shard(["a"]))
        expectError(.malformed, "w.gguf", "safetensors", "directory") { try ModelFiles.open(path: weights) }
        let zip = try scratch.write("z.bin", [0x50, 0x4B, 3, 4, 0])
        expectError(.malformed, "z.bin", "zip archive") { try ModelFiles.open(path: zip) }
        expectError(.notFound, "missing.gguf", "no such file") { try ModelFiles.open(path: scratch.file("missing.gguf")) }
        expectError(.notFound, "no such file") { try ModelFiles.open(path: text + "/x") }
        let bare = try Scratch()
        expectError(.notFound, bare.path, "config.json") { try ModelFiles.open(path: bare.path) }
        expectError(.io, "not a regular file") { try ModelFiles.open(path: "/dev/null") }
        // Opening a pipe must not wait for someone to write into it.
        #expect(mkfifo(scratch.file("pipe.gguf"), 0o600) == 0)
        expectError(.io, "not a regular file") { try ModelFiles.open(path: scratch.file("pipe.gguf")) }

        let renamed = try scratch.write("model.txt", GGUFBytes.sample.bytes)
        #expect(try ModelFiles.open(path: renamed).kind == .gguf)
    }

    @Test func directoriesOnDisk() throws {
        let scratch = try Scratch()
        try scratch.write("config.json", #"{"model_type": "tiny"}"#)
        try scratch.write("model.safetensors", HuggingFaceTests.shard(["a", "b"]))
        for path in [scratch.path, scratch.path + "/"] {
            let model = try ModelFiles.open(path: path)
            #expect(model.tensorNames == ["a", "b"])
            #expect(model.tensors[0].file == scratch.file("model.safetensors"))
            let range = try #require(model.fileRange(of: model.tensors[1]))
            var byte: UInt8 = 0
            #expect(pread(range.descriptor, &byte, 1, range.offset) == 1 && byte == 1 && range.count == 1)
            model.discard(model.tensors[0])
        }
    }

    @Test func aLargeVocabularyIsQuickAndCompact() throws {
        let count = 262_144
        let tokens = (0..<count).map { Array("token number \($0)".utf8) }
        let scratch = try Scratch()
        let path = scratch.file("v.gguf")
        try GGUFWriter.write(to: path, metadata: [("tokens", .array(MetadataArray(stringBytes: tokens)))], tensors: [])
        let clock = ContinuousClock()
        var model: ModelFiles?
        let elapsed = try clock.measure { model = try ModelFiles.open(path: path) }
        #expect(elapsed < .seconds(2))
        let read = try #require(model?.metadata("tokens")?.array)
        #expect(read.count == count)
        for i in stride(from: 0, to: count, by: 997) { #expect(read.bytes(at: i) == tokens[i]) }
    }
}
