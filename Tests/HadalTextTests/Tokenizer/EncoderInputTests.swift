import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

@testable import HadalText

/// Texts and pairs of texts as encoders read them, compared with what the library `tokenizers` makes of them.
@Suite("Inputs of encoders")
struct EncoderInputTests {
    struct Row {
        var tokenizer: String
        var processor: String?
        var texts: [String]
        var limit: Int?
        var input: EncoderInput

        init(_ row: JSON) throws {
            tokenizer = row["tokenizer"]?.string ?? ""
            processor = row["processor"]?.string
            texts = (row["texts"]?.array ?? []).compactMap(\.string)
            limit = row["limit"]?.int
            func numbers(_ key: String) -> [Int32]? { row[key]?.array?.compactMap { $0.int.map(Int32.init) } }
            let tokens = try #require(numbers("tokens"))
            input = EncoderInput(
                tokens: tokens, tokenTypes: numbers("types") ?? tokens.map { _ in 0 }, isTruncated: row["truncated"]?.bool ?? false)
        }

        func input(of tokenizer: Tokenizer) throws -> EncoderInput {
            texts.count == 2
                ? try tokenizer.encoderInput(texts[0], texts[1], limit: limit) : try tokenizer.encoderInput(texts[0], limit: limit)
        }
    }

    static func rows(_ path: String = Fixtures.path("tokenizers/encoders/rows.jsonl")) throws -> [Row] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            try Row(JSONDocument(parsing: String($0), file: "row").root)
        }
    }

    /// Metadata of a GGUF file, as JSON.
    static func metadata(_ name: String) throws -> [String: MetadataValue] {
        var metadata: [String: MetadataValue] = [:]
        for member in try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/\(name)")).root.object?.members ?? [] {
            let value = member.value
            metadata[member.key] =
                if let items = value.array {
                    .array(
                        items.first?.string != nil
                            ? MetadataArray(stringBytes: items.map { Array(($0.string ?? "").utf8) })
                            : MetadataArray(int32: items.map { Int32($0.int ?? 0) }))
                } else if let text = value.string {
                    MetadataValue(text)
                } else if let flag = value.bool {
                    .bool(flag)
                } else {
                    .uint32(UInt32(value.int ?? 0))
                }
        }
        return metadata
    }

    /// A tokenizer with another post-processor in the place of its own.
    static func document(_ name: String, processor: JSON?) throws -> JSONDocument {
        var root = try #require(try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/\(name).json")).root.object)
        root["post_processor"] = processor ?? .null
        return try JSONDocument(parsing: JSON(.object(root)).text(), file: name)
    }

    @Test func inputsAreTheReferences() throws {
        let processors = try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/processors.json")).root
        var tokenizers: [String: Tokenizer] = [:]
        var used: Set<String> = []
        let rows = try Self.rows()
        #expect(rows.count > 1000)
        for row in rows {
            let key = "\(row.tokenizer) \(row.processor ?? "")"
            let tokenizer =
                try tokenizers[key]
                ?? Tokenizer(document: Self.document(row.tokenizer, processor: row.processor.flatMap { processors[$0] }))
            tokenizers[key] = tokenizer
            used.insert(row.processor ?? "")
            #expect(try row.input(of: tokenizer) == row.input, "\(key) \(row.texts) \(row.limit ?? -1)")
        }
        #expect(used.count == (processors.object?.count ?? 0) + 1)
    }

    static let published = ProcessInfo.processInfo.environment["HADAL_ENCODER"]

    @Test(.enabled(if: published != nil, "HADAL_ENCODER names no folder"))
    func inputsOfAPublishedEncoder() throws {
        let folder = try #require(Self.published)
        let directory = try #require(try TokenizerDirectory(FileProvider(directory: folder)))
        let tokenizer = try Tokenizer(directory)
        var tokenizers = [tokenizer]
        if let converted = try? GGUFVocabulary.converting(directory, config: nil, size: tokenizer.count), converted.notes.isEmpty {
            tokenizers.append(try Tokenizer(converted.vocabulary))
        }
        let rows = try Self.rows("\(folder)/rows.jsonl")
        #expect(rows.count > 20000)
        for tokenizer in tokenizers {
            var differing = 0
            for row in rows {
                let made = try row.input(of: tokenizer)
                guard made != row.input else { continue }
                differing += 1
                if differing <= 20 { Issue.record("\(row.texts) \(row.limit ?? -1): \(made), not \(row.input)") }
            }
            #expect(differing == 0, "of \(rows.count)")
        }
    }

    /// Damaged files give an error or inputs within their limit, never a crash.
    @Test(arguments: ["uncased", "bytes"]) func damagedFiles(_ name: String) throws {
        var generator = SeededGenerator(seed: 31)
        let processors = try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/processors.json")).root.object?.members ?? []
        var loaded = 0
        for round in 0..<300 {
            var root = try #require(try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/\(name).json")).root.object)
            let processor = Array(processors[round % processors.count].value.text().utf8)
            let damaged = TokenizerFixtures.bytes(processor, from: &generator)
            guard let made = try? JSONDocument(parsing: String(decoding: damaged, as: UTF8.self), file: "p").root else { continue }
            root["post_processor"] = made
            do {
                let tokenizer = try Tokenizer(document: JSONDocument(parsing: JSON(.object(root)).text(), file: "damaged.json"))
                loaded += 1
                let input = try tokenizer.encoderInput("the cat sat [SEP] on the mat", "", limit: 9)
                #expect(input.tokens.count <= 9 && input.tokenTypes.count == input.tokens.count)
                _ = try tokenizer.encoderInput("the cat", limit: nil)
            } catch is HadalError {}
        }
        #expect(loaded > 0)
    }

    @Test func damagedWordPieceVocabularies() throws {
        var generator = SeededGenerator(seed: 32)
        let metadata = try Self.metadata("uncased.gguf.json")
        let source = try GGUFVocabulary(file: "m", metadata: { metadata[$0] })
        for _ in 0..<300 {
            var vocabulary = source
            for _ in 0..<4 {
                let at = Int.random(in: 0..<vocabulary.tokens.count, using: &generator)
                switch Int.random(in: 0..<7, using: &generator) {
                case 0: vocabulary.tokens[at] = TokenizerFixtures.bytes(vocabulary.tokens[at], from: &generator)
                case 1: vocabulary.tokens[at] = vocabulary.tokens.randomElement(using: &generator) ?? []
                case 2: vocabulary.kinds = []
                case 3: vocabulary.tokens[at] = Array("\u{2581}".utf8.prefix(Int.random(in: 0...3, using: &generator)))
                case 4 where !vocabulary.kinds.isEmpty:
                    vocabulary.kinds[at] = TokenKind(rawValue: UInt8.random(in: 0...6, using: &generator)) ?? .normal
                case 5: vocabulary.unknownID = Int.random(in: -2...1_000_000, using: &generator)
                default:
                    (vocabulary.classID, vocabulary.bosID, vocabulary.separatorID) = (nil, Int.random(in: -2...400, using: &generator), at)
                }
            }
            do {
                let tokenizer = try Tokenizer(vocabulary)
                let input = try tokenizer.encoderInput("the cats \u{2581}sat [CLS] \u{0}", "é日本 unaffable", limit: 12)
                #expect(input.tokens.allSatisfy { $0 >= 0 && Int($0) < tokenizer.count })
                _ = try tokenizer.decode(input.tokens)
            } catch is HadalError {}
        }
    }

    @Test("WordPiece vocabularies of GGUF files", arguments: ["uncased", "cased"]) func wordPiecesOfGGUF(_ name: String) throws {
        let metadata = try Self.metadata("\(name).gguf.json")
        let tokenizer = try Tokenizer(file: name, metadata: { metadata[$0] })
        var checked = 0
        for row in try Self.rows() where row.tokenizer == name && row.processor?.hasPrefix("bert") == true {
            #expect(try row.input(of: tokenizer) == row.input, "\(row.texts) \(row.limit ?? -1)")
            checked += 1
        }
        #expect(checked > 80)
    }

    @Test func limitsBelowTheSpecialTokensAreErrors() throws {
        let tokenizer = try Tokenizer(contentsOf: Fixtures.path("tokenizers/encoders/uncased.json"))
        expectError(.invalidArgument, "a limit of 1 tokens", "2 special tokens") { try tokenizer.encoderInput("text", limit: 1) }
        expectError(.invalidArgument, "a limit of 2 tokens", "3 special tokens") { try tokenizer.encoderInput("a", "b", limit: 2) }
        expectError(.invalidArgument, "a limit of -1 tokens") { try tokenizer.encoderInput("text", limit: -1) }
        let plain = try Tokenizer(document: Self.document("bytes", processor: nil))
        expectError(.invalidArgument, "a limit of -1 tokens") { try plain.encoderInput("text", limit: -1) }
        #expect(try plain.encoderInput("text", limit: 0) == EncoderInput(tokens: [], tokenTypes: [], isTruncated: true))
    }

    /// What tokenizer_config.json says of the tokens around a text holds for encoders too.
    @Test func settingsAddTokens() throws {
        func tokenizer(_ processor: JSON?, _ config: String) throws -> Tokenizer {
            try Tokenizer(
                TokenizerDirectory(
                    tokenizer: Self.document("bytes", processor: processor),
                    config: JSONDocument(parsing: config, file: "tokenizer_config.json")))
        }
        let roles = #""bos_token": "<s>", "eos_token": "</s>""#
        let processors = try JSONDocument(contentsOf: Fixtures.path("tokenizers/encoders/processors.json")).root
        let byteLevel = try #require(processors["byte_level"])
        let (a, b) = (try tokenizer(nil, "{}").encode("a")[0], try tokenizer(nil, "{}").encode("b")[0])
        func expect(
            _ processor: JSON?, _ config: String, _ single: [Int32], _ pair: [Int32], types: [Int32]? = nil,
            _ location: SourceLocation = #_sourceLocation
        ) throws {
            let tokenizer = try tokenizer(processor, config)
            #expect(try tokenizer.encoderInput("a", limit: nil).tokens == single, sourceLocation: location)
            let made = try tokenizer.encoderInput("a", "b", limit: nil)
            #expect(made.tokens == pair && made.tokenTypes == types ?? pair.map { _ in 0 }, "\(made)", sourceLocation: location)
            #expect(tokenizer.special.prefix + [a] + tokenizer.special.suffix == single, sourceLocation: location)
        }
        try expect(nil, "{}", [a], [a, b])
        try expect(byteLevel, "{\(roles), \"add_eos_token\": true}", [a, 2], [a, b, 2])
        try expect(nil, "{\(roles), \"add_bos_token\": true, \"add_eos_token\": true}", [0, a, 2], [0, a, b, 2])
        // A template that has no end token, one whose tokens are not wanted, and one that says the same.
        try expect(processors["beginning"], "{\(roles), \"add_eos_token\": true}", [0, a, 2], [0, a, 0, b, 2], types: [0, 0, 1, 1, 1])
        try expect(processors["beginning"], "{\(roles), \"add_bos_token\": false}", [a], [a, 0, b], types: [0, 1, 1])
        try expect(processors["roberta"], "{\(roles), \"add_bos_token\": true, \"add_eos_token\": true}", [0, a, 2], [0, a, 2, 2, b, 2])
    }

    @Test func templatesWithoutAPairPutTextsBesideEachOther() throws {
        func inputs(_ pair: String) throws -> EncoderInput {
            let text =
                #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "#
                + #""special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}"# + pair + "}"
            return try Tokenizer(document: Self.document("bytes", processor: JSONDocument(parsing: text, file: "t").root)).encoderInput(
                "a", "b", limit: nil)
        }
        let plain = try inputs("")
        #expect(plain.tokens.count == 3 && plain.tokens[0] == 0 && plain.tokenTypes == [0, 0, 0])
        // A text that is missing, or there twice.
        #expect(try inputs(#", "pair": []"#) == plain && inputs(#", "pair": null"#) == plain)
        #expect(try inputs(#", "pair": [{"Sequence": {"id": "A", "type_id": 1}}]"#) == plain)
        let twice = #"{"Sequence": {"id": "A", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}"#
        #expect(try inputs(", \"pair\": [\(twice), \(twice)]") == plain)
        #expect(try inputs(", \"pair\": [\(twice)]").tokenTypes == [1, 1])
    }

    @Test(
        "what is wrong with a post-processor is named",
        arguments: [
            (#"{"type": "TemplateProcessing", "single": [], "pair": 3}"#, HadalError.Code.malformed, "pair is an integer"),
            (#"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "C"}}], "pair": []}"#, .malformed, "neither A nor B"),
            (#"{"type": "TemplateProcessing", "single": [{}], "pair": []}"#, .malformed, "neither a Sequence nor a SpecialToken"),
            (#"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": -1}}]}"#, .malformed, "type_id"),
            (#"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 4294967296}}]}"#, .malformed, "type_id"),
            (
                #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}], "pair": [{"SpecialToken": {"id": "x"}}]}"#,
                .malformed,
                "the template names 'x'"
            ),
            (
                #"{"type": "TemplateProcessing", "single": [\#(String(repeating: #"{"SpecialToken": {"id": "x"}}, "#, count: 101)){}], "#
                    + #""special_tokens": {"x": {"ids": [\#(String(repeating: "0, ", count: 99)) 0]}}}"#,
                .limitExceeded, "more than 10000 special tokens"
            ),
            (#"{"type": "RobertaProcessing", "sep": ["</s>", 2]}"#, .malformed, "cls is not a token"),
            (#"{"type": "Sequence", "processors": [{"type": "Other"}]}"#, .unsupported, "'Other'"),
        ] as [(String, HadalError.Code, String)])
    func wrongPostProcessors(_ processor: String, _ code: HadalError.Code, _ message: String) throws {
        let document = try Self.document("bytes", processor: JSONDocument(parsing: processor, file: "t").root)
        let error = expectError(code, message) { try Tokenizer(document: document) }
        #expect(error?.place != nil)
    }
}
