import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

@Suite struct GGUFDirectoryTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// - Parameter tensors: how many.
    private func put(_ name: String, _ metadata: [(key: String, value: MetadataValue)] = [], tensors: Int = 1) throws {
        let architecture = metadata.contains { $0.key == "general.architecture" } ? [] : [("general.architecture", MetadataValue("llama"))]
        try GGUFWriter.write(
            to: scratch.file(name), metadata: architecture.map { (key: $0.0, value: $0.1) } + metadata,
            tensors: (0..<tensors).map { TensorSource(name: "t\($0)", dtype: .f32, shape: [1], values: [1]) })
    }

    private func opened() throws -> String { try ModelFiles.open(path: scratch.path).path }

    @Test("what lies beside a model is passed over")
    func companions() throws {
        try put("model.Q4_K_M.GGUF")
        #expect(try opened() == scratch.file("model.Q4_K_M.GGUF"))
        try put("mmproj.gguf", [("general.architecture", MetadataValue("clip"))])
        try put("a-projector.gguf", [("general.type", MetadataValue("mmproj"))])
        try put("Model-MMProj-f16.gguf")
        try put("lora.gguf", [("general.type", MetadataValue("adapter"))])
        try put("imatrix.gguf", [("general.type", MetadataValue("imatrix"))])
        try put("vocab.gguf", tensors: 0)
        try put(".hidden.gguf")
        try scratch.write("README.md", "gguf")
        #expect(try opened() == scratch.file("model.Q4_K_M.GGUF"))
    }

    @Test("several models are named")
    func several() throws {
        try put("a.gguf")
        try put("b.gguf")
        try put("mmproj.gguf", [("general.architecture", MetadataValue("clip"))])
        expectError(.invalidArgument, scratch.path, "2 GGUF models", "a.gguf, b.gguf", "name one") { try opened() }
        try scratch.write("b.gguf", "no model at all")
        expectError(.invalidArgument, "a.gguf, b.gguf") { try opened() }
    }

    @Test("projectors alone are no model")
    func projectors() throws {
        for name in ["mmproj-f16.gguf", "mmproj-f32.gguf"] { try put(name, [("general.architecture", MetadataValue("clip"))]) }
        expectError(.unsupported, scratch.path, "mmproj-f16.gguf, mmproj-f32.gguf") { try opened() }
    }

    @Test("shards count as one model")
    func shards() throws {
        for i in 0..<2 {
            try put("m-0000\(i + 1)-of-00002.gguf", [("split.no", .uint16(UInt16(i))), ("split.count", .uint16(2))], tensors: 1 - i)
        }
        try put("mmproj.gguf", [("general.architecture", MetadataValue("clip"))])
        #expect(try opened() == scratch.file("m-00001-of-00002.gguf"))
        try FileManager.default.removeItem(atPath: scratch.file("m-00001-of-00002.gguf"))
        expectError(.notFound, "shard 1 of 2 is missing") { try opened() }
    }

    @Test("config.json without safetensors beside a GGUF model")
    func configBeside() throws {
        try scratch.write("config.json", #"{"model_type": "tiny"}"#)
        try put("m.gguf")
        #expect(try opened() == scratch.file("m.gguf"))
        try scratch.write("model.safetensors", HuggingFaceTests.shard(["a"]))
        #expect(try opened() == scratch.path)
    }

    @Test("a directory without a model")
    func empty() throws { expectError(.notFound, scratch.path, "no config.json") { try opened() } }
}
