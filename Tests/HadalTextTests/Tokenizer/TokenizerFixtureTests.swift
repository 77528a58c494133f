import HadalCore
import TestSupport
import Testing

@testable import HadalText

/// Small vocabularies, with the ids that the `tokenizers` and `sentencepiece` libraries give.
@Suite struct TokenizerFixtureTests {
    @Test(arguments: TokenizerFixtures.names)
    func encodesAsTheReference(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        let rows = try TokenizerFixtures.rows(name)
        #expect(rows.count == 160)
        for row in rows {
            #expect(try tokenizer.encode(row.text, parseSpecial: row.parseSpecial) == row.ids, "\(row.text.debugDescription)")
        }
    }

    @Test func encodesSentencePiece() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.sentencePiece())
        let rows = try TokenizerFixtures.rows("sentencepiece")
        #expect(rows.count > 30)
        for row in rows {
            let ids = try tokenizer.encode(row.text, parseSpecial: false)
            #expect(ids == row.ids, "\(row.text.debugDescription)")
            #expect(try Array(tokenizer.decode(ids).utf8) == Array(row.text.utf8))
        }
    }

    @Test(arguments: [("byte_level", "gpt-2"), ("byte_level", "mpt")])
    func encodesByteLevelGGUF(_ name: String, _ pre: String) throws {
        let reference = try TokenizerFixtures.tokenizer(name)
        let tokenizer = try Tokenizer(TokenizerFixtures.byteLevelGGUF(name, pre: pre))
        for row in try TokenizerFixtures.rows(name) {
            // The GGUF copy has no added tokens.
            let plain = row.ids.allSatisfy { $0 < tokenizer.count }
            if plain { #expect(try tokenizer.encode(row.text) == row.ids, "\(row.text.debugDescription)") }
        }
        #expect(reference.count > tokenizer.count)
    }

    @Test(arguments: ["byte_level", "byte_split"])
    func decodesToTheText(_ name: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(name)
        let text = "Héllo wörld, 你好 12345\n\n\tdon't\u{1F600}!"
        #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
    }

    @Test func userDefinedTokensMatchEvenInPlainText() throws {
        var vocabulary = try TokenizerFixtures.sentencePiece()
        let think = try #require(vocabulary.tokens.firstIndex(of: Array("<think>".utf8)))
        let begin = try #require(vocabulary.tokens.firstIndex(of: Array("<s>".utf8)))
        vocabulary.addSpacePrefix = false
        let tokenizer = try Tokenizer(vocabulary)
        #expect(try tokenizer.encode("<think>", parseSpecial: false) == [Int32(think)])
        #expect(try tokenizer.encode("<s>", parseSpecial: true) == [Int32(begin)])
        let plain = try tokenizer.encode("<s>", parseSpecial: false)
        #expect(plain != [Int32(begin)])
        #expect(try tokenizer.decode(plain) == "<s>")
        #expect(try tokenizer.isControl(Int32(begin)))
        #expect(try !tokenizer.isControl(Int32(think)))
        #expect(try tokenizer.decode([Int32(begin), Int32(think)], skipSpecial: true) == "<think>")
    }

    @Test func spaceGoesBeforeTextAfterSpecialTokens() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.sentencePiece())
        let begin = try #require(tokenizer.id(of: "<s>"))
        let word = try tokenizer.encode("the")
        #expect(try tokenizer.encode("<s>the") == [begin] + word)
        #expect(try tokenizer.encode("the<s>the") == word + [begin] + word)
        #expect(try tokenizer.decode(word) == "the")
    }

    @Test func longestSpecialTokenWinsInGGUF() throws {
        var vocabulary = try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "gpt-2")
        vocabulary.tokens += [Array("ab".utf8) + [0x7E], Array("b~cd".utf8)]
        vocabulary.kinds += [.userDefined, .userDefined]
        let tokenizer = try Tokenizer(vocabulary)
        let last = Int32(tokenizer.count - 1)
        let a = try tokenizer.encode("a")
        #expect(try tokenizer.encode("ab~cd") == a + [last])
        #expect(try tokenizer.encode("ab~c") == [last - 1] + tokenizer.encode("c"))
    }

    @Test func templateTellsBoundaryTokens() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("byte_split")
        let (bos, eos) = (try #require(tokenizer.id(of: "<s>")), try #require(tokenizer.id(of: "</s>")))
        #expect(tokenizer.special.bosID == bos)
        #expect(tokenizer.special.eosID == eos)
        #expect(tokenizer.special.addBOS && tokenizer.special.addEOS)
        #expect(tokenizer.special.endIDs.contains(eos))
        #expect(tokenizer.withBoundaryTokens([5]) == [bos, 5, eos])
        #expect(tokenizer.withBoundaryTokens([bos, 5]) == [bos, 5, eos])
        #expect(try TokenizerFixtures.tokenizer("byte_level").special.addBOS == false)
    }

    @Test func idsOutOfRangeAreErrors() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("byte_level")
        for id in [Int32.min, -1, Int32(tokenizer.count), Int32.max] {
            expectError(.invalidArgument, "token id \(id)") { try tokenizer.decode([id]) }
            expectError(.invalidArgument, "token id \(id)") { try tokenizer.tokenBytes(id) }
            expectError(.invalidArgument, "token id \(id)") { try tokenizer.isControl(id) }
        }
    }

    @Test func oneTokenizerServesManyThreads() async throws {
        let tokenizer = try TokenizerFixtures.tokenizer("byte_split")
        let rows = try TokenizerFixtures.rows("byte_split")
        let wrong = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { rows.count { (try? tokenizer.encode($0.text, parseSpecial: $0.parseSpecial)) != $0.ids } }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
