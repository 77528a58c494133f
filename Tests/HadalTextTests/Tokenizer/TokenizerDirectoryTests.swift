import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

@testable import HadalText

@Suite("Tokenizers in every form that models are published in")
struct TokenizerDirectoryTests {
    private static let names = [
        "bert", "bert_accents", "bert_cased", "bert_stripped", "gpt2", "qwen2", "roberta", "spm_bpe", "spm_bpe_legacy", "spm_gemma",
        "spm_unigram", "unigram", "wordpiece",
    ]

    /// Ids of texts, of prompts, and the text of the ids, as transformers' AutoTokenizer gives them.
    @Test(arguments: names) func rowsAreTheReferences(_ name: String) throws {
        let path = TokenizerFixtures.path("directories/\(name)")
        let tokenizer = try Tokenizer(directory: path)
        let lines = try String(contentsOfFile: "\(path)/rows.jsonl", encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 16)
        for line in lines {
            let row = try JSONDocument(parsing: String(line), file: "row").root
            func ids(_ key: String) -> [Int32] { (row[key]?.array ?? []).compactMap { $0.int.map(Int32.init) } }
            let text = try #require(row["text"]?.string)
            let encoded = try tokenizer.encode(text)
            #expect(encoded == ids("ids"), "\(text)")
            #expect(tokenizer.special.prefix + encoded + tokenizer.special.suffix == ids("prompt"), "\(text)")
            #expect(try ExactString(tokenizer.decode(ids("ids"))) == ExactString(row["decoded"]?.string ?? ""), "\(text)")
        }
    }

    @Test(
        arguments: [
            (["tekken.json": "{}"], HadalError.Code.unsupported, "m/tekken.json"),
            (["qwen.tiktoken": "IQ== 0\n"], .unsupported, "m/qwen.tiktoken"),
            (["tokenizer.model": "IQ== 0\nIg== 1\n"], .unsupported, "m/tokenizer.model"),
            (["tokenizer.model": "\u{8}"], .malformed, "m/tokenizer.model at byte 1"),
            (["tokenizer.model": ""], .malformed, "m/tokenizer.model"),
            (["vocab.json": #"{"a": 0}"#, "merges.txt": ""], .unsupported, "m/vocab.json"),
            (
                ["vocab.json": "{}", "merges.txt": "", "tokenizer_config.json": #"{"tokenizer_class": "GPT2Tokenizer"}"#], .malformed,
                "m/vocab.json"
            ),
            (["vocab.json": #"{"a": 0}"#, "tokenizer_config.json": #"{"tokenizer_class": "GPT2Tokenizer"}"#], .notFound, "m"),
            (
                [
                    "vocab.json": #"{"a": 0}"#, "merges.txt": "#version: 0.2\na b c\n",
                    "tokenizer_config.json": #"{"tokenizer_class": "GPT2Tokenizer"}"#,
                ],
                .malformed, "m/merges.txt:2:1"
            ),
            (["vocab.txt": "a\nb\n", "config.json": #"{"model_type": "llama"}"#], .unsupported, "m/vocab.txt"),
            (
                ["tokenizer.json": #"{"model": {"vocab": {"a": 0}, "merges": []}}"#, "tokenizer_config.json": #"{"eos_token": 3}"#],
                .malformed,
                "m/tokenizer_config.json:1:15"
            ),
            (
                [
                    "tokenizer.json": #"{"model": {"vocab": {"a": 0}, "merges": []}}"#,
                    "tokenizer_config.json": #"{"added_tokens_decoder": {"x": "b"}}"#,
                ], .malformed,
                "m/tokenizer_config.json:1:27"
            ),
            (
                ["tokenizer.json": #"{"model": {"vocab": {"a": 0}, "merges": []}}"#, "added_tokens.json": #"{"b": -1}"#], .malformed,
                "m/added_tokens.json:1:7"
            ),
        ] as [([String: String], HadalError.Code, String)])
    func whatCannotBeUsedIsNamed(_ files: [String: String], _ code: HadalError.Code, _ place: String) throws {
        let error = expectError(code) {
            guard let found = try TokenizerDirectory(FileProvider(files: files.mapValues { Array($0.utf8) }, directory: "m")) else {
                return
            }
            _ = try Tokenizer(found)
        }
        #expect(error?.place?.description == place)
    }

    @Test func directoriesWithoutATokenizerHaveNone() throws {
        #expect(try TokenizerDirectory(FileProvider(files: ["config.json": Array("{}".utf8)], directory: "m")) == nil)
        expectError(.notFound, "no tokenizer", "tokenizers/none") { try Tokenizer(directory: Fixtures.path("tokenizers/none")) }
    }

    /// ids of pieces that a class of transformers orders anew are not taken from the SentencePiece model.
    @Test func reorderedVocabulariesAreRefused() throws {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: TokenizerFixtures.path("directories/spm_unigram/tokenizer.model"))))
        let files = ["tokenizer.model": bytes, "config.json": Array(#"{"model_type": "xlm-roberta"}"#.utf8)]
        expectError(.unsupported) { try TokenizerDirectory(FileProvider(files: files, directory: "m")) }
    }

    @Test func damagedSentencePieceModelsAreErrorsAtMost() throws {
        var generator = SeededGenerator(seed: 9)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: TokenizerFixtures.path("directories/spm_unigram/tokenizer.model"))))
        for _ in 0..<200 {
            let files = ["tokenizer.model": TokenizerFixtures.bytes(bytes, from: &generator)]
            guard let found = try? TokenizerDirectory(FileProvider(files: files, directory: "m")), let tokenizer = try? Tokenizer(found)
            else { continue }
            _ = try? tokenizer.encode("ﬁ Ａ１ text e\u{301}\t<|user|>")
        }
    }

    /// What a GGUF file holds of a unigram vocabulary encodes as the SentencePiece model it was made of.
    @Test func unigramVocabulariesOfGGUF() throws {
        let path = TokenizerFixtures.path("directories/spm_unigram/tokenizer.model")
        let model = try SentencePieceFile(ByteSource(path: path))
        var vocabulary = GGUFVocabulary()
        vocabulary.model = "t5"
        vocabulary.tokens = model.pieces.map { Array($0.text.utf8) } + [Array("<pad>".utf8), Array("<pad>".utf8)]
        vocabulary.scores = model.pieces.map(\.score) + [0, 0]
        vocabulary.kinds = model.pieces.map { TokenKind(rawValue: UInt8($0.kind.rawValue)) ?? .undefined } + [.control, .control]
        (vocabulary.unknownID, vocabulary.bosID, vocabulary.eosID) = (0, 1, 2)
        (vocabulary.removesExtraSpaces, vocabulary.addSpacePrefix, vocabulary.normalizations) = (true, true, model.normalizations)
        let tokenizer = try Tokenizer(vocabulary)
        let reference = try Tokenizer(
            #require(
                try TokenizerDirectory(
                    FileProvider(
                        files: [
                            "tokenizer.model": Array(try Data(contentsOf: URL(fileURLWithPath: path))),
                            "tokenizer_config.json": Array(#"{"legacy": true}"#.utf8),
                        ], directory: "m"))))
        for text in ["The model reads", " the  text\n", "ﬁ ½ Ａ１ e\u{301}", "a<|user|>b  c", "<s>text</s> more", "▁x"] {
            #expect(try tokenizer.encode(text) == reference.encode(text), "\(text)")
        }
        #expect(try tokenizer.decode(tokenizer.encode("the text")) == "the text")
        #expect(tokenizer.withBoundaryTokens([5]) == [5, 2])
        // As files of XLM-RoBERTa have it.
        (vocabulary.addBOS, vocabulary.addSeparator, vocabulary.separatorID) = (true, true, 2)
        let (a, b) = (try tokenizer.encode("the"), try tokenizer.encode("text"))
        #expect(try Tokenizer(vocabulary).encoderInput("the", "text", limit: nil).tokens == [1] + a + [2, 2] + b + [2])
        #expect(tokenizer.count == model.pieces.count + 2)
    }

    @Test func wordPieceVocabulariesOfGGUF() throws {
        let words = try Tokenizer(directory: TokenizerFixtures.path("directories/wordpiece"))
        var vocabulary = GGUFVocabulary()
        vocabulary.model = "bert"
        vocabulary.tokens = try (0..<words.count).map { id in
            let token = String(decoding: try words.token(Int32(id)), as: UTF8.self)
            return Array((token.hasPrefix("[") ? token : token.hasPrefix("##") ? String(token.dropFirst(2)) : "▁" + token).utf8)
        }
        (vocabulary.bosID, vocabulary.eosID, vocabulary.unknownID) = (2, 3, 1)
        let tokenizer = try Tokenizer(vocabulary)
        for text in ["The model reads", "don't STOP 1234", "日本語 and naïve", "[CLS] words"] {
            #expect(try tokenizer.encode(text) == words.encode(text), "\(text)")
        }
        #expect(tokenizer.withBoundaryTokens([9]) == [2, 9, 3])
        #expect(try tokenizer.decode(tokenizer.encode("the model reads")) == "the model reads")
    }
}
