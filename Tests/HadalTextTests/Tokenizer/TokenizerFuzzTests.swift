import HadalCore
import TestSupport
import Testing

@testable import HadalText

/// Damaged files give an error or a tokenizer that works, never a crash.
@Suite struct TokenizerFuzzTests {
    @Test(arguments: TokenizerFixtures.names)
    func damagedFiles(_ name: String) throws {
        let source = try TokenizerFixtures.source(name)
        // Damage to the part before the vocabulary does more than damage to one token of many.
        let head = source.firstIndex(of: UInt8(ascii: "m")).map { _ in min(source.count, 3000) } ?? source.count
        var generator = SeededGenerator(seed: 2024)
        var loaded = 0
        for round in 0..<350 {
            let bytes =
                round % 2 == 0
                ? TokenizerFixtures.bytes(source, from: &generator)
                : TokenizerFixtures.bytes(Array(source[..<head]), from: &generator) + source[head...]
            do {
                let document = try bytes.withUnsafeBytes { try JSONDocument(parsing: $0, file: "damaged.json") }
                let tokenizer = try Tokenizer(document: document)
                loaded += 1
                let ids = try tokenizer.encode("<s>The quick 123 brown\n\n fox 你好\u{1F600}</s> foo")
                _ = try tokenizer.decode(ids)
            } catch is HadalError {}
        }
        #expect(loaded > 0, "no damaged file loaded: the test tests nothing")
    }

    @Test(arguments: TokenizerFixtures.names)
    func anyBytesAreText(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let ids = try tokenizer.encode(bytes: bytes)
            #expect(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.count })
            let text = try tokenizer.decode(ids)
            if name == "byte_level" { #expect(text.unicodeScalars.elementsEqual(String(decoding: bytes, as: UTF8.self).unicodeScalars)) }
        }
    }

    @Test func damagedGGUFVocabularies() throws {
        var generator = SeededGenerator(seed: 11)
        let sources = [try TokenizerFixtures.sentencePiece(), try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "smollm")]
        for round in 0..<200 {
            var vocabulary = sources[round % 2]
            for _ in 0..<3 {
                let at = Int.random(in: 0..<vocabulary.tokens.count, using: &generator)
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: vocabulary.tokens[at] = TokenizerFixtures.bytes(vocabulary.tokens[at], from: &generator)
                case 1: vocabulary.kinds[at] = TokenKind(rawValue: UInt8.random(in: 0...6, using: &generator)) ?? .normal
                case 2 where !vocabulary.scores.isEmpty:
                    vocabulary.scores[at] = [.nan, .infinity, -.infinity, 0, -0.0].randomElement(using: &generator) ?? 0
                case 3 where !vocabulary.merges.isEmpty:
                    let merge = Int.random(in: 0..<vocabulary.merges.count, using: &generator)
                    vocabulary.merges[merge] = TokenizerFixtures.bytes(vocabulary.merges[merge], from: &generator)
                case 4: vocabulary.bosID = Int.random(in: -2...1_000_000, using: &generator)
                default: vocabulary.tokens.remove(at: at)
                }
                vocabulary.kinds = Array(vocabulary.kinds.prefix(vocabulary.tokens.count))
            }
            do {
                let tokenizer = try Tokenizer(vocabulary)
                let ids = try tokenizer.encode("<s>The quick\u{0}\n 你好 <think></s>", parseSpecial: round % 3 == 0)
                _ = try tokenizer.decode(ids, skipSpecial: true)
            } catch is HadalError {}
        }
    }
}
