import HadalCore
import TestSupport
import Testing

@testable import HadalText

@Suite struct IncrementalDetokenizerTests {
    private func stream(_ tokenizer: Tokenizer, _ ids: [Int32], skipSpecial: Bool = false) throws -> [String] {
        var detokenizer = IncrementalDetokenizer(tokenizer, skipSpecial: skipSpecial)
        var out = try ids.map { try detokenizer.append($0) }
        out.append(detokenizer.finish())
        return out
    }

    @Test(arguments: TokenizerFixtures.names, [false, true])
    func equalsFullDecoding(_ name: String, _ skipSpecial: Bool) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        var generator = SeededGenerator(seed: 7)
        for round in 0..<300 {
            let ids = (0..<Int.random(in: 0...16, using: &generator)).map { _ in
                Int32.random(in: 0..<Int32(tokenizer.count), using: &generator)
            }
            let pieces = try stream(tokenizer, ids, skipSpecial: skipSpecial)
            #expect(
                try pieces.joined().unicodeScalars.elementsEqual(tokenizer.decode(ids, skipSpecial: skipSpecial).unicodeScalars),
                "round \(round)")
        }
    }

    @Test func holdsBackHalfCharacters() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("byte_level")
        let ids = try ["ð", "Ł", "ĺ", "Ģ"].map { try #require(tokenizer.id(of: $0)) }  // F0 9F 98 80
        #expect(try stream(tokenizer, ids) == ["", "", "", "\u{1F600}", ""])
        #expect(try stream(tokenizer, Array(ids[..<2])) == ["", "", "\u{FFFD}"])
        // A character that cannot be completed any more comes out at once.
        let a = try #require(tokenizer.id(of: "a"))
        #expect(try stream(tokenizer, [ids[0], a]) == ["", "\u{FFFD}a", ""])
        let invalid = try #require(tokenizer.id(of: "ÿ"))
        #expect(try stream(tokenizer, [invalid]) == ["\u{FFFD}", ""])
    }

    @Test func everyByteSequenceStreamsAsItDecodes() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("byte_level")
        let byteIDs = try (0..<256).map { byte -> Int32 in
            var spelling: [UInt8] = []
            ByteAlphabet.encode([UInt8(byte)], into: &spelling)
            return try #require(tokenizer.id(of: String(decoding: spelling, as: UTF8.self)))
        }
        let interesting: [UInt8] = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF]
        var generator = SeededGenerator(seed: 99)
        for _ in 0..<3000 {
            let bytes = (0..<6).map { _ in interesting.randomElement(using: &generator) ?? 0 }
            let text = try stream(tokenizer, bytes.map { byteIDs[Int($0)] }).joined()
            #expect(text.unicodeScalars.elementsEqual(String(decoding: bytes, as: UTF8.self).unicodeScalars), "\(bytes)")
        }
    }

    @Test func leadingSpaceDependsOnWhetherTextCameBefore() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.sentencePiece())
        let ids = try tokenizer.encode("the quick")
        #expect(try stream(tokenizer, ids).joined() == "the quick")
        var continuing = IncrementalDetokenizer(tokenizer, continuing: true)
        #expect(try ids.map { try continuing.append($0) }.joined() == " the quick")
    }

    @Test func badIdLeavesTheStateAlone() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("byte_level")
        var detokenizer = IncrementalDetokenizer(tokenizer)
        let half = try #require(tokenizer.id(of: "Ã"))
        #expect(try detokenizer.append(half) == "")
        expectError(.invalidArgument, "token id -5") { try detokenizer.append(-5) }
        #expect(try detokenizer.append(#require(tokenizer.id(of: "©"))) == "é")
    }
}
