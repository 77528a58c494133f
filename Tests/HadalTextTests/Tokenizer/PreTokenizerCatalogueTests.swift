import HadalCore
import TestSupport
import Testing

@testable import HadalText

@Suite struct PreTokenizerCatalogueTests {
    @Test func holdsTheCommonNames() {
        let names = Set(PreTokenizerCatalogue.builtIn.names)
        let wanted = [
            "default", "llama-bpe", "smollm", "qwen2", "deepseek-r1-qwen", "deepseek-llm", "deepseek-coder", "deepseek-v3", "gpt-2",
            "gpt-4o", "starcoder", "refact", "command-r", "falcon", "mpt", "olmo", "dbrx", "stablelm2", "phi-2", "smaug-bpe", "tekken",
            "chatglm-bpe", "minicpm5",
        ]
        #expect(wanted.filter { !names.contains($0) } == [])
    }

    @Test func everyPatternCompilesAndCutsEveryText() throws {
        let text = Array("Hello wörld's  12345\r\n\n你好、ひらがな — DON'T !!?\u{1F600}\u{301}  \t x".utf8)
        for name in PreTokenizerCatalogue.builtIn.names {
            let entry = try #require(PreTokenizerCatalogue.builtIn[name])
            #expect(!entry.patterns.isEmpty)
            var pieces = Pieces(text, startsInput: true)
            for pattern in entry.patterns {
                try PreTokenizer.split(.pattern(Pattern(pattern)), .isolated, invert: false).apply(to: &pieces, Pattern.Scratch())
            }
            #expect(pieces.ranges.flatMap { text[$0] } == text, "\(name)")
            #expect(pieces.ranges.count > 1, "\(name)")
        }
    }

    private func pieces(_ name: String, _ text: String) throws -> [String] {
        var pieces = Pieces(Array(text.utf8), startsInput: true)
        for pattern in try #require(PreTokenizerCatalogue.builtIn[name]).patterns {
            try PreTokenizer.split(.pattern(Pattern(pattern)), .isolated, invert: false).apply(to: &pieces, Pattern.Scratch())
        }
        return pieces.ranges.map { String(decoding: pieces.text[$0], as: UTF8.self) }
    }

    @Test func cutsAsPublished() throws {
        #expect(try pieces("gpt-2", "I'm 123  ok") == ["I", "'m", " 123", " ", " ok"])
        #expect(try pieces("smollm", "a 123") == ["a", " ", "1", "2", "3"])
        #expect(try pieces("llama-bpe", "12345 It'S") == ["123", "45", " It", "'S"])
        #expect(try pieces("qwen2", "12 ab") == ["1", "2", " ab"])
        #expect(try pieces("gpt-4o", "HelloWorld I'm") == ["Hello", "World", " I'm"])
        #expect(try pieces("superbpe", "1234567") == ["1", "234", "567"])
        #expect(try pieces("kimi-k2", "ab你好cd") == ["ab", "你好", "cd"])
        #expect(try pieces("deepseek-v3", "12345.foo") == ["123", "45", ".foo"])
    }

    @Test func unknownNamesAreListed() throws {
        var vocabulary = try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "nosuch")
        expectError(.unsupported, "unknown pre-tokenizer 'nosuch'", "smollm") { try Tokenizer(vocabulary) }
        vocabulary.model = "rwkv"
        expectError(.unsupported, "unsupported tokenizer model 'rwkv'") { try Tokenizer(vocabulary) }
    }

    @Test func anotherCatalogueCanAddNames() throws {
        let document = try JSONDocument(
            parsing: #"{"models": [{"name": "gpt2", "kind": "bpe"}], "pre_tokenizers": [{"names": ["mine"], "regex": ["."]}]}"#,
            file: "mine.json")
        let vocabulary = try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "mine")
        let tokenizer = try Tokenizer(vocabulary, catalogue: PreTokenizerCatalogue(document))
        #expect(try tokenizer.encode("the").count == 3)
    }
}
