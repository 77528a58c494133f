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
}
