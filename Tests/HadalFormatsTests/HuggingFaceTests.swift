import HadalCore
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

    @Test func shardErrors() {
        expectError(.notFound, "dir/model.safetensors.index.json:3:6", "'s2.safetensors'") { try sharded { $0["s2.safetensors"] = nil } }
        expectError(.mismatch, "'d'", "'s1.safetensors'", ":4:6") {
            try sharded { $0["model.safetensors.index.json"] = Self.index([("a", "s1.safetensors"), ("d", "s1.safetensors")]) }
        }
        // In another shard than the index says.
        expectError(.mismatch, "'c'", "'s1.safetensors'") {
            try sharded { $0["model.safetensors.index.json"] = Self.index([("c", "s1.safetensors")]) }
        }
        expectError(.malformed, "dir/s1.safetensors") { try sharded { $0["s1.safetensors"] = [1] } }
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
        expectError(.malformed, "dir/generation_config.json:1:1", "null") { try sharded { $0["generation_config.json"] = Array("null".utf8) } }
        expectError(.notFound, "neither model.safetensors nor", "pytorch_model.bin is there") {
            try ModelFiles.open(files: ["config.json": Self.config, "pytorch_model.bin": []], name: "dir")
        }
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
