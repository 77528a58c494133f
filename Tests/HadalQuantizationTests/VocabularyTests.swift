import Foundation
import HadalCore
import HadalFormats
import HadalText
import TestSupport
import Testing
@testable import HadalQuantization

@Suite("Tokenizers of directories as GGUF vocabularies")
struct VocabularyTests {
    @Test(
        "published byte-level tokenizers keep their ids", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
    func published() throws {
        let path = "\(Fixtures.goldens ?? "")/tokenizers/deepseek_v3.tokenizer.json"
        let document = try JSONDocument(contentsOf: path)
        let original = try Tokenizer(document: document)
        let made = try GGUFVocabulary.converting(TokenizerDirectory(tokenizer: document), config: nil, size: original.count + 5)
        #expect(made.vocabulary.model == "gpt2" && made.vocabulary.pre == "deepseek-v3")
        #expect(made.notes == [])
        #expect(made.vocabulary.tokens.count == original.count + 5 && made.vocabulary.kinds.last == .unused)
        // As it comes back from a file's metadata.
        let entries = made.vocabulary.metadata
        let converted = try Tokenizer(file: "m") { key in entries.first { $0.key == key }?.value }
        let rows = try String(contentsOfFile: "\(Fixtures.goldens ?? "")/tokenizer_goldens.jsonl", encoding: .utf8).split(separator: "\n")
        var checked = 0
        for row in rows where row.contains("\"deepseek_v3\"") {
            let row = try JSONDocument(parsing: String(row), file: "row").root
            guard row["tokenizer"]?.string == "deepseek_v3", let text = row["text"]?.string else { continue }
            #expect(try converted.encode(text).map { Int($0) } == row["ids"]?.array?.compactMap(\.int))
            checked += 1
        }
        #expect(checked > 50)
    }

    /// Characters with a space as U+2581, byte tokens behind them.
    private static let characters = """
        {"added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true},
                          {"id": 2, "content": "</s>", "special": true}, {"id": 274, "content": "<turn>", "special": false}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
         "pre_tokenizer": null, "decoder": null,
         "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                            "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
         "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "fuse_unk": true,
                   "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, BYTES, "▁": 259, "a": 260, "b": 261, "c": 262, "ab": 263, "bc": 264, "▁a": 265, "▁ab": 266,
                             "abc": 267, "▁abc": 268},
                   "merges": ["b c", "▁ a", "a b", "▁a b", "ab c", "a bc", "▁ab c", "▁a bc"]}}
        """.replacingOccurrences(
            of: "BYTES", with: (0..<256).map { String(format: "\"<0x%02X>\": %d", $0, $0 + 3) }.joined(separator: ", "))

    @Test("merges become scores, bytes and special tokens their kinds")
    func scores() throws {
        let document = try JSONDocument(parsing: Self.characters, file: "tokenizer.json")
        let settings = try JSONDocument(
            parsing: #"{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": true}"#, file: "c")
        let generation = try JSONDocument(parsing: #"{"eos_token_id": [2, 274]}"#, file: "g")
        let made = try GGUFVocabulary.converting(
            TokenizerDirectory(tokenizer: document, config: settings, generation: generation), config: nil, size: 280)
        let vocabulary = made.vocabulary
        #expect(vocabulary.model == "llama" && vocabulary.addSpacePrefix == true && vocabulary.addBOS == true)
        #expect(vocabulary.bosID == 1 && vocabulary.eosID == 2 && vocabulary.unknownID == 0 && vocabulary.eotID == 274)
        #expect(
            vocabulary.kinds[0] == .unknown && vocabulary.kinds[1] == .control && vocabulary.kinds[3] == .byte
                && vocabulary.kinds[263] == .normal)
        #expect(vocabulary.kinds[274] == .userDefined && vocabulary.kinds[270] == .unused && vocabulary.kinds[279] == .unused)
        #expect(vocabulary.scores[264] == 0 && vocabulary.scores[265] == -1 && vocabulary.scores[263] == -2 && vocabulary.scores[267] == -4)
        let (original, converted) = (try Tokenizer(document: document), try Tokenizer(vocabulary))
        for text in ["abc", "a bc abcc cab", "  ab ", "aé☃b", ""] {
            #expect(try original.encode(text, parseSpecial: false) == converted.encode(text, parseSpecial: false), "\(text)")
        }
    }

    @Test("tokens that only other files declare reach the vocabulary where the model has rows for them")
    func declared() throws {
        let document = try JSONDocument(parsing: Self.characters, file: "tokenizer.json")
        let settings = try JSONDocument(parsing: #"{"eos_token": "</s>", "pad_token": "<pad>"}"#, file: "c")
        let directory = try TokenizerDirectory(tokenizer: document, config: settings)
        let made = try GGUFVocabulary.converting(directory, config: nil, size: 280)
        #expect(
            made.vocabulary.padID == 275 && made.vocabulary.tokens[275] == Array("<pad>".utf8) && made.vocabulary.kinds[275] == .control)
        let small = try GGUFVocabulary.converting(directory, config: nil, size: 275)
        #expect(small.vocabulary.tokens.count == 275 && small.notes.count == 1)
    }

    @Test("what GGUF cannot say is refused by name, or left out when asked")
    func unsupported() throws {
        let text =
            #"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, "pre_tokenizer": {"type": "Whitespace"}}"#
        let document = try JSONDocument(parsing: text, file: "tokenizer.json")
        expectError(.unsupported) {
            try GGUFVocabulary.converting(TokenizerDirectory(tokenizer: document), config: nil, size: 8)
        }
        expectError(.mismatch) {
            try GGUFVocabulary.converting(
                TokenizerDirectory(tokenizer: JSONDocument(parsing: Self.characters, file: "t")), config: nil, size: 100)
        }
    }

    @Test("a directory's tokenizer, templates and sampling reach the file")
    func directory() throws {
        try Quantizing.withFolder { folder in
            let source = Fixtures.path("models/llama")
            for name in try FileManager.default.contentsOfDirectory(atPath: source) where name.hasPrefix("model") || name == "config.json" {
                try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "\(source)/\(name)")
            }
            func write(_ name: String, _ text: String) throws {
                try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
            try write("tokenizer.json", Self.characters)
            try write(
                "tokenizer_config.json",
                #"{"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": [{"name": "default", "template": "A"}, {"name": "tool_use", "template": "B"}]}"#
            )
            try write("generation_config.json", #"{"temperature": 0.6, "top_p": 0.95, "top_k": 20}"#)
            let model = try ModelFiles.open(path: folder)
            try Quantizing.withFolder { other in
                _ = try Quantizing.plan(model, .f16).write(to: "\(other)/m.gguf")
                let file = try ModelFiles.open(path: "\(other)/m.gguf")
                #expect(file.metadata("tokenizer.ggml.model")?.string == "llama")
                #expect(file.metadata("tokenizer.ggml.tokens")?.array?.count == model.config?["vocab_size"]?.int)
                #expect(file.metadata("tokenizer.ggml.eos_token_id") == .uint32(2))
                #expect(file.metadata("tokenizer.chat_template")?.string == "A")
                #expect(file.metadata("tokenizer.chat_template.tool_use")?.string == "B")
                #expect(file.metadata("tokenizer.chat_templates")?.array?.strings == ["tool_use"])
                #expect(file.metadata("general.sampling.temp") == .float32(0.6) && file.metadata("general.sampling.top_k") == .int32(20))
                // Greedy is a temperature of 0; what GGUF has no key for is noted.
                try write(
                    "generation_config.json", #"{"do_sample": false, "temperature": 0.6, "suppress_tokens": [3], "max_length": null}"#)
                let greedy = try Quantizing.plan(try ModelFiles.open(path: folder), .f16)
                #expect(greedy.notes.contains { $0.contains("'suppress_tokens'") } && !greedy.notes.contains { $0.contains("max_length") })
                _ = try greedy.write(to: "\(other)/greedy.gguf")
                #expect(try ModelFiles.open(path: "\(other)/greedy.gguf").metadata("general.sampling.temp") == .float32(0))
                #expect(file.metadata("general.architecture")?.string == "llama" && file.metadata("general.file_type") == .uint32(1))
            }
        }
    }
}
