import HadalCore
import HadalFormats
import TestSupport
import Testing

@testable import HadalText

/// What `hadal quantize` writes of the tokenizers of encoders, and how it reads back.
@Suite("Tokenizers of encoders as GGUF vocabularies")
struct WordPieceConversionTests {
    private static let config = """
        {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "type_vocab_size": 2}
        """

    private static func converted(
        _ document: JSONDocument, settings: String? = nil, config: String = config, size: Int? = nil
    ) throws -> (vocabulary: GGUFVocabulary, notes: [String], original: Tokenizer, readBack: Tokenizer) {
        let directory = try TokenizerDirectory(
            tokenizer: document, config: settings.map { try JSONDocument(parsing: $0, file: "tokenizer_config.json") })
        let original = try Tokenizer(directory)
        let made = try GGUFVocabulary.converting(
            directory, config: JSONDocument(parsing: config, file: "config.json"), size: size ?? original.count)
        // As it comes back from a file's metadata.
        let entries = made.vocabulary.metadata
        return (made.vocabulary, made.notes, original, try Tokenizer(file: "m") { key in entries.first { $0.key == key }?.value })
    }

    private static func encoder(_ name: String, _ change: (inout JSONObject) -> Void = { _ in }) throws -> JSONDocument {
        let document = try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/\(name).json"))
        var root = try #require(document.root.object)
        change(&root)
        return try JSONDocument(parsing: JSON(.object(root)).text(), file: "tokenizer.json")
    }

    @Test func uncasedVocabulariesReadBack() throws {
        let made = try Self.converted(
            Self.encoder("uncased"),
            settings: #"{"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]", "unk_token": "[UNK]", "pad_token": "[PAD]"}"#)
        #expect(made.notes == [])
        var checked = 0
        for row in try EncoderInputTests.rows() where row.tokenizer == "uncased" {
            guard row.processor?.hasPrefix("bert") == true else { continue }
            #expect(try row.input(of: made.readBack) == row.input, "\(row.texts)")
            checked += 1
        }
        for text in ProbeTexts.all { #expect(try made.readBack.encode(text) == made.original.encode(text)) }
        #expect(checked > 200)
        // The keys and values that llama.cpp's converter writes, but for the name of the pre-tokenizer, which says nothing here.
        let entries = made.vocabulary.metadata
        for (key, value) in try EncoderInputTests.metadata("uncased.gguf.json") where key != "tokenizer.ggml.pre" {
            #expect(entries.first { $0.key == key }?.value == value, "\(key)")
        }
        #expect(made.vocabulary.classID == 2 && made.vocabulary.lowercases == nil && made.vocabulary.stripsAccents == nil)
    }

    @Test func rolesComeFromTheTemplateAlone() throws {
        let made = try Self.converted(Self.encoder("uncased"), config: #"{"model_type": "bert"}"#, size: 310)
        #expect(made.notes == [])
        #expect(
            made.vocabulary.classID == 2 && made.vocabulary.bosID == 2 && made.vocabulary.separatorID == 3 && made.vocabulary.eosID == 3)
        #expect(made.vocabulary.tokenTypeCount == 1 && made.vocabulary.tokens.count == 310 && made.vocabulary.kinds[309] == .unused)
        #expect(
            try made.readBack.encoderInput("the cat", "a mat", limit: nil) == made.original.encoderInput("the cat", "a mat", limit: nil))
        #expect(try made.readBack.encode("[PAD309] [CLS]") == made.original.encode("[PAD309] [CLS]"))
    }

    @Test func casedVocabulariesSayThatTheyAre() throws {
        let made = try Self.converted(Self.encoder("cased"))
        #expect(made.vocabulary.lowercases == false && made.vocabulary.stripsAccents == nil)
        #expect(made.notes.count == 1 && made.notes[0].contains("tokenizer.ggml.normalizer.lowercase"))
        for row in try EncoderInputTests.rows() where row.tokenizer == "cased" {
            #expect(try row.input(of: made.readBack) == row.input, "\(row.texts)")
        }
        let kept = try Self.converted(
            Self.encoder("uncased") { $0["normalizer"] = ["type": "BertNormalizer", "strip_accents": false, "lowercase": true] })
        #expect(kept.vocabulary.lowercases == nil && kept.vocabulary.stripsAccents == false && kept.notes == [])
        let stripped = try Self.converted(
            Self.encoder("cased") { $0["normalizer"] = ["type": "BertNormalizer", "strip_accents": true, "lowercase": false] })
        #expect(stripped.vocabulary.lowercases == false && stripped.vocabulary.stripsAccents == true && stripped.notes.count == 1)
        for text in ProbeTexts.all {
            #expect(try kept.readBack.encode(text) == kept.original.encode(text))
            #expect(try stripped.readBack.encode(text) == stripped.original.encode(text))
        }
    }

    @Test func whatGGUFDoesNotSayIsNoted() throws {
        func notes(_ change: (inout JSONObject) -> Void) throws -> [String] { try Self.converted(Self.encoder("uncased", change)).notes }
        let ideographs = try notes { $0["normalizer"] = ["type": "BertNormalizer", "handle_chinese_chars": false, "lowercase": true] }
        #expect(ideographs.count == 2 && ideographs[0].contains("normalizer") && ideographs[1].contains("gives other ids"))
        let bare = try notes { $0["post_processor"] = .null }
        #expect(bare.count == 1 && bare[0].contains("class token"))
        let long = try notes { root in
            var model = root["model"]?.object ?? JSONObject()
            model["max_input_chars_per_word"] = 20
            root["model"] = JSON(.object(model))
        }
        #expect(long.contains { $0.contains("up to 20 characters") })
    }

    @Test func whatGGUFCannotSayIsRefused() throws {
        expectError(.unsupported, "as BERT does", "tokenizer.json") {
            try Self.converted(Self.encoder("uncased") { $0["pre_tokenizer"] = ["type": "WhitespaceSplit"] })
        }
        expectError(.unsupported, "continuing_subword_prefix") {
            try Self.converted(
                Self.encoder("uncased") { root in
                    var model = root["model"]?.object ?? JSONObject()
                    model["continuing_subword_prefix"] = ""
                    root["model"] = JSON(.object(model))
                })
        }
        expectError(.unsupported, "'WordLevel'") {
            try Self.converted(Self.encoder("uncased") { $0["model"] = ["type": "WordLevel", "vocab": ["a": 0], "unk_token": "a"] })
        }
    }

    /// Byte-pair encoders: the tokens before, between and behind texts.
    @Test(arguments: [("roberta", true), ("xlm_roberta", true), ("bert_template", false), ("end", false)])
    func pairsReadBack(_ processor: String, _ separator: Bool) throws {
        let processors = try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/processors.json")).root
        let made = try Self.converted(EncoderInputTests.document("bytes", processor: processors[processor]))
        #expect(made.vocabulary.addSeparator == separator && made.vocabulary.model == "gpt2")
        for (a, b) in [("the cat sat", "on the mat"), ("", "a"), ("Москва", "日本語")] {
            let (wanted, found) = (try made.original.encoderInput(a, b, limit: 12), try made.readBack.encoderInput(a, b, limit: 12))
            #expect(wanted.tokens == found.tokens && found.tokenTypes.allSatisfy { $0 == 0 })
            #expect(try made.original.encoderInput(a, limit: 9).tokens == made.readBack.encoderInput(a, limit: 9).tokens)
        }
        // The model has types, and those of the second text are lost.
        let pair = try made.original.encoderInput("a", "b", limit: nil)
        #expect(made.notes.contains { $0.contains("types of tokens") } == pair.tokenTypes.contains(1))
    }

    @Test func pairsWithoutAFormAreNotedForClassifiers() throws {
        let processors = try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/processors.json")).root
        let document = try EncoderInputTests.document("bytes", processor: processors["beginning"])
        let made = try Self.converted(document)
        #expect(made.vocabulary.addSeparator == nil && made.notes.count == 1 && made.notes[0].contains("two texts"))
        #expect(try Self.converted(document, config: #"{"architectures": ["LlamaForCausalLM"]}"#).notes == [])
    }

    /// Roles as older files have them, and files without types of tokens.
    @Test func olderFiles() throws {
        var metadata = try EncoderInputTests.metadata("uncased.gguf.json")
        for key in ["bos_token_id", "eos_token_id", "token_type", "add_bos_token", "add_eos_token", "add_sep_token"] {
            metadata["tokenizer.ggml." + key] = nil
        }
        metadata["tokenizer.ggml.cls_token_id"] = .uint32(2)
        // `[unused0]` without U+2581, as the first converters wrote what stands in brackets.
        var tokens = try #require(metadata["tokenizer.ggml.tokens"]?.array?.strings)
        tokens[5] = "[unused0]"
        metadata["tokenizer.ggml.tokens"] = .array(MetadataArray(strings: tokens))
        let tokenizer = try Tokenizer(file: "m", metadata: { metadata[$0] })
        #expect(try tokenizer.encoderInput("the cat", "[MASK]", limit: nil).tokens.first == 2)
        #expect(tokenizer.special.bosID == 2 && tokenizer.special.eosID == 3 && tokenizer.special.separatorID == 3)
        for row in try EncoderInputTests.rows() where row.tokenizer == "uncased" && row.processor == "bert" {
            #expect(try row.input(of: tokenizer) == row.input, "\(row.texts)")
        }
        // With types it is no control token.
        metadata["tokenizer.ggml.token_type"] = try EncoderInputTests.metadata("uncased.gguf.json")["tokenizer.ggml.token_type"]
        let typed = try Tokenizer(file: "m", metadata: { metadata[$0] })
        for row in try EncoderInputTests.rows() where row.tokenizer == "uncased" && row.processor == "bert_template" {
            #expect(try row.input(of: typed) == row.input, "\(row.texts)")
        }
    }

    /// `tokenizer.ggml.add_sep_token`, and what the name of a pre-tokenizer stands for where it is missing.
    @Test func separatorsOfGGUF() throws {
        var vocabulary = try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "gpt-2")
        (vocabulary.bosID, vocabulary.eosID, vocabulary.separatorID) = (0, 1, 2)
        (vocabulary.addBOS, vocabulary.addEOS) = (true, true)
        func pair(_ change: (inout GGUFVocabulary) -> Void) throws -> [Int32] {
            var changed = vocabulary
            change(&changed)
            return try Tokenizer(changed).encoderInput("", "", limit: nil).tokens
        }
        #expect(try pair { _ in } == [0, 1, 1])
        #expect(try pair { $0.addSeparator = true } == [0, 1, 2, 1])
        #expect(try pair { $0.pre = "roberta-bpe" } == [0, 1, 2, 1])
        #expect(try pair { ($0.pre, $0.addSeparator) = ("roberta-bpe", false) } == [0, 1, 1])
        #expect(try pair { ($0.addSeparator, $0.separatorID) = (true, nil) } == [0, 1, 1])
        #expect(try pair { ($0.addSeparator, $0.addEOS, $0.addBOS) = (true, false, false) } == [2])
    }
}
