import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

@Suite struct HuggingFaceTests {
    static func shard(_ names: [String]) -> [UInt8] {
        let entries = names.enumerated().map { #""\#($1)":{"dtype":"U8","shape":[1],"data_offsets":[\#($0),\#($0 + 1)]}"# }
        return safetensorsBytes("{\(entries.joined(separator: ","))}", dataCount: names.count)
    }

    static func index(_ map: [(String, String)]) -> [UInt8] {
        Array("{\"metadata\": {},\n\"weight_map\": {\n\(map.map { #""\#($0)": "\#($1)""# }.joined(separator: ",\n"))}}".utf8)
    }

    private static let config = Array(#"{"model_type": "tiny", "hidden_size": 8}"#.utf8)

    private func sharded(_ change: (inout [String: [UInt8]]) -> Void = { _ in }) throws -> ModelFiles {
        var files = [
            "config.json": Self.config, "s1.safetensors": Self.shard(["a", "b"]), "s2.safetensors": Self.shard(["c", "extra"]),
            "model.safetensors.index.json": Self.index([("c", "s2.safetensors"), ("a", "s1.safetensors"), ("b", "s1.safetensors")]),
        ]
        change(&files)
        return try ModelFiles.open(files: files, name: "dir")
    }

    @Test func shards() throws {
        let model = try sharded()
        #expect(model.kind == .huggingFace && model.config?["hidden_size"]?.int == 8)
        #expect(model.tensorNames == ["a", "b", "c"])  // what the index does not name is left out
        #expect(model.tensors.map(\.shard) == [0, 0, 1])
        #expect(model.tensors.map(\.file) == ["dir/s1.safetensors", "dir/s1.safetensors", "dir/s2.safetensors"])
        let b = try #require(try model.tensor(named: "b"))
        #expect(Array(model.bytes(of: b)) == [1])
        #expect(model.metadata("general.architecture") == nil && model.metadataKeys.isEmpty)
    }

    /// What an index names and no file holds is an error for who asks for it, and for nobody else.
    @Test func namesThatNoFileHolds() throws {
        let partial = try sharded { $0["s2.safetensors"] = nil }
        #expect(partial.tensorNames == ["a", "b"] && partial.unreadable.map(\.name) == ["c"])
        #expect(try partial.tensor(named: "a") != nil)
        #expect(try partial.tensor(named: "extra") == nil)
        expectError(.notFound, "dir/model.safetensors.index.json:3:6", "'s2.safetensors'", "all 2 shards") {
            try partial.tensor(named: "c") as Any
        }
        let wrong = try sharded { $0["model.safetensors.index.json"] = Self.index([("a", "s1.safetensors"), ("d", "s1.safetensors")]) }
        #expect(wrong.tensorNames == ["a"])
        expectError(.mismatch, "'d'", "'s1.safetensors'", ":4:6") { try wrong.tensor(named: "d") as Any }
        expectError(.notFound, "index.json:4:6", "'s1.safetensors'") {
            try sharded { ($0["s1.safetensors"], $0["s2.safetensors"]) = (nil, nil) }
        }
        expectError(.malformed, "dir/s1.safetensors") { try sharded { $0["s1.safetensors"] = [1] } }
    }

    @Test func tensorsAreFoundWhereTheyAre() throws {
        // In another shard than the index says, which another name brings in.
        let moved = try sharded {
            $0["model.safetensors.index.json"] = Self.index([("a", "s2.safetensors"), ("c", "s2.safetensors"), ("b", "s1.safetensors")])
        }
        #expect(
            moved.tensorNames == ["a", "b", "c"]
                && moved.tensors.map(\.file) == ["dir/s1.safetensors", "dir/s1.safetensors", "dir/s2.safetensors"])
        // In both: the index decides.
        let twice = try sharded {
            $0["s1.safetensors"] = Self.shard(["a", "b", "c"])
            $0["s2.safetensors"] = Self.shard(["c", "a"])
        }
        #expect(twice.tensorNames == ["a", "b", "c"] && twice.tensors.map(\.shard) == [0, 0, 1])
        // Shards that were renamed after the index was written.
        let renamed = try sharded {
            $0["model-00001-of-00002.safetensors"] = $0.removeValue(forKey: "s1.safetensors")
            $0["model-00002-of-00002.safetensors"] = $0.removeValue(forKey: "s2.safetensors")
        }
        #expect(renamed.tensorNames == ["a", "b", "c"] && renamed.unreadable.isEmpty)
    }

    @Test(arguments: [
        ["model-00001-of-00001.safetensors"], ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ["model-00000-of-00002.safetensors", "model-00001-of-00002.safetensors"], ["model.fp16.safetensors"], ["weights.safetensors"],
        ["part-1.SAFETENSORS", "part-2.SAFETENSORS"], ["consolidated.safetensors"],
        ["consolidated-00001-of-00002.safetensors", "consolidated-00002-of-00002.safetensors"],
    ])
    func withoutAnIndex(_ names: [String]) throws {
        var files = ["config.json": Self.config, "adapter_model.safetensors": Self.shard(["x"])]
        for (number, name) in names.enumerated() { files[name] = Self.shard(["t\(number)"]) }
        let model = try ModelFiles.open(files: files, name: "dir")
        #expect(model.tensorNames == names.indices.map { "t\($0)" })
        #expect(model.tensors.map(\.file) == names.map { "dir/\($0)" } && model.tensors.map(\.shard) == Array(names.indices))
        let hint = model.huggingFace?.missingTensorHint
        if names[0].hasPrefix("consolidated") {
            #expect(hint?.contains(names[0]) == true && hint?.contains("model.safetensors") == true)
            // Published twice: the files of transformers count.
            files["model-00001-of-00001.safetensors"] = Self.shard(["m"])
            #expect(try ModelFiles.open(files: files, name: "dir").tensorNames == ["m"])
        } else {
            #expect(hint == nil)
        }
    }

    @Test func incompleteSets() {
        func open(_ names: String...) throws -> ModelFiles {
            let files = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Self.shard(["t\($0)"])) })
            return try ModelFiles.open(files: files.merging(["config.json": Self.config]) { a, _ in a }, name: "dir")
        }
        expectError(.notFound, "dir", "shard 2 of 3 is missing", "model-00002-of-00003.safetensors") {
            try open("model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors")
        }
        expectError(.notFound, "model-00001-of-00002.safetensors") { try open("model-00002-of-00002.safetensors") }
        // A count that no memory holds.
        expectError(.notFound, "shard 1 of 10000") { try open("model-00002-of-10000.safetensors") }
    }

    @Test func anAdapterIsNoModel() {
        expectError(.notFound, "adapter_model.safetensors is there", "another model") {
            try ModelFiles.open(files: ["config.json": Self.config, "adapter_model.safetensors": Self.shard(["x"])], name: "dir")
        }
    }

    @Test(arguments: [
        "pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "consolidated.00.pth", "epoch=3.ckpt", "tf_model.h5",
        "weights.npz",
        "model.onnx",
    ])
    func otherWeightsAreNamed(_ name: String) {
        expectError(.notFound, "neither model.safetensors nor", "\(name) is there") {
            try ModelFiles.open(files: ["config.json": Self.config, name: [], "training_args.bin": [], "optimizer.pt": []], name: "dir")
        }
    }

    @Test(arguments: ["../s1.safetensors", "/etc/passwd", "..", ".", "", "sub/s1.safetensors", "a\\\\b", "s1\\u0000.safetensors"])
    func shardsStayInTheirDirectory(_ name: String) {
        expectError(.malformed, "tensor 'a'", "not a plain file name") {
            try sharded { $0["model.safetensors.index.json"] = Self.index([("a", name)]) }
        }
    }

    @Test func indexErrors() {
        func index(_ text: String) throws -> ModelFiles { try sharded { $0["model.safetensors.index.json"] = Array(text.utf8) } }
        expectError(.malformed, "index.json:1:1", "'weight_map' is missing") { try index("{}") }
        expectError(.malformed, "index.json:1:16", "an array") { try index(#"{"weight_map": []}"#) }
        expectError(.malformed, "empty") { try index(#"{"weight_map": {}}"#) }
        expectError(.malformed, "tensor 'a' is an integer") { try index(#"{"weight_map": {"a": 1}}"#) }
        expectError(.malformed, "index.json:1:1", "an array, not an object") { try index("[]") }
        expectError(.malformed, "index.json:2:1") { try index("{\n?") }
    }

    @Test func theConfigurationComesFirst() throws {
        // The weights are broken too, but the configuration is what is named.
        expectError(.notFound, "dir", "no config.json") { try sharded { $0["config.json"] = nil } }
        expectError(.malformed, "dir/config.json:1:2") {
            try sharded {
                $0["config.json"] = Array("{".utf8)
                $0["s1.safetensors"] = []
            }
        }
        expectError(.malformed, "dir/generation_config.json:1:1", "null") {
            try sharded { $0["generation_config.json"] = Array("null".utf8) }
        }
        expectError(.notFound, "neither model.safetensors nor", "pytorch_model.bin is there") {
            try ModelFiles.open(files: ["config.json": Self.config, "pytorch_model.bin": []], name: "dir")
        }
        expectError(.notFound, "no config.json", "params.json is there") { try ModelFiles.open(files: ["params.json": []], name: "dir") }
        let bare = try ModelFiles.open(files: ["config.json": Self.config], name: "dir", weights: false)
        #expect(bare.tensors.isEmpty && bare.config?["model_type"]?.string == "tiny")
    }

    @Test func companionFiles() throws {
        let model = try sharded {
            $0["generation_config.json"] = Array(#"{"eos_token_id": [1, 2]}"#.utf8)
            $0["tokenizer_config.json"] = Array(#"{"add_bos_token": true}"#.utf8)
            $0["chat_template.jinja"] = Array("{{ x }}".utf8)
            $0["bad.txt"] = [0xFF]
        }
        let directory = try #require(model.huggingFace)
        #expect(directory.generationConfig?.root["eos_token_id"]?.array?.count == 2)
        #expect(try directory.json("tokenizer_config.json")?.root["add_bos_token"]?.bool == true)
        #expect(try directory.json("tokenizer.json") == nil)
        #expect(try directory.text("chat_template.jinja") == "{{ x }}")
        expectError(.malformed, "dir/bad.txt", "UTF-8") { try directory.text("bad.txt") as Any }
        expectError(.malformed, "'../x'") { try directory.text("../x") as Any }
    }
}
