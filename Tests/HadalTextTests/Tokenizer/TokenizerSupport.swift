import Foundation
import HadalCore
import TestSupport

@testable import HadalText

/// A text with the ids that a reference implementation gives for it.
struct TokenizerRow {
    var tokenizer = ""
    var text: String
    var parseSpecial: Bool
    var ids: [Int32]

    static func load(_ path: String) throws -> [TokenizerRow] {
        try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self).split(separator: "\n").map { line in
            let row = try JSONDocument(parsing: String(line), file: path).root
            return TokenizerRow(
                tokenizer: row["tokenizer"]?.string ?? "", text: row["text"]?.string ?? "",
                parseSpecial: row["parse_special"]?.bool ?? true, ids: (row["ids"]?.array ?? []).compactMap { $0.int.map(Int32.init) })
        }
    }
}

enum TokenizerFixtures {
    static let names = ["byte_level", "byte_digits", "byte_split", "byte_joined", "byte_fallback", "metaspace", "words"]

    static func path(_ name: String) -> String { Fixtures.path("tokenizers/\(name)") }

    static func tokenizer(_ name: String) throws -> Tokenizer { try Tokenizer(contentsOf: path("\(name).json")) }

    static func rows(_ name: String) throws -> [TokenizerRow] { try TokenizerRow.load(path("\(name).rows.jsonl")) }

    static func source(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path("\(name).json")))) }

    /// A tokenizer.json made from text.
    static func tokenizer(json: String) throws -> Tokenizer { try Tokenizer(document: JSONDocument(parsing: json, file: "t.json")) }

    /// The small SentencePiece vocabulary.
    static func sentencePiece() throws -> GGUFVocabulary {
        let root = try JSONDocument(contentsOf: path("sentencepiece.json")).root
        var vocabulary = GGUFVocabulary()
        vocabulary.model = "llama"
        vocabulary.tokens = (root["tokens"]?.array ?? []).map { Array(($0.string ?? "").utf8) }
        vocabulary.scores = (root["scores"]?.array ?? []).map { Float($0.double ?? 0) }
        vocabulary.kinds = (root["types"]?.array ?? []).map { TokenKind(rawValue: UInt8($0.int ?? 0)) ?? .undefined }
        vocabulary.unknownID = 0
        return vocabulary
    }

    /// The vocabulary of a byte-level fixture as a GGUF file would hold it.
    static func byteLevelGGUF(_ name: String, pre: String?) throws -> GGUFVocabulary {
        let root = try JSONDocument(contentsOf: path("\(name).json")).root
        var vocabulary = GGUFVocabulary()
        vocabulary.model = "gpt2"
        vocabulary.pre = pre
        let tokens = (root["model"]?["vocab"]?.object?.members ?? []).sorted { $0.value.int ?? 0 < $1.value.int ?? 0 }
        vocabulary.tokens = tokens.map { Array($0.key.utf8) }
        vocabulary.kinds = tokens.map { _ in .normal }
        vocabulary.merges = (root["model"]?["merges"]?.array ?? []).map { merge in
            Array((merge.string ?? merge.array?.compactMap(\.string).joined(separator: " ") ?? "").utf8)
        }
        return vocabulary
    }

    static func bytes(_ bytes: [UInt8], from generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            guard !bytes.isEmpty else { return bytes }
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(Array("{}[],:\"0-9eE\\.truefalsn".utf8).randomElement(using: &generator) ?? 0, at: at)
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...60, using: &generator)))
            default:
                let from = Int.random(in: 0..<bytes.count, using: &generator)
                bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + Int.random(in: 1...60, using: &generator))], at: at)
            }
        }
        return bytes
    }
}
