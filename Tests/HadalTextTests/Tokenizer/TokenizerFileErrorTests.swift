import HadalCore
import Testing

@testable import HadalText

@Suite struct TokenizerFileErrorTests {
    private static let model = #""model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}"#

    private func failure(of members: String) -> HadalError? {
        #expect(throws: HadalError.self) { try TokenizerFixtures.tokenizer(json: "{\n\(members)\n}") }
    }

    @Test func minimalFileWorks() throws {
        let tokenizer = try TokenizerFixtures.tokenizer(json: "{\(Self.model)}")
        #expect(try tokenizer.encode("abba") == [2, 1, 0])
        #expect(try tokenizer.decode([2, 1]) == "ab b")
    }

    @Test(arguments: [
        (#""pre_tokenizer": {"type": "Nonsense"}"#, "unsupported pre-tokenizer 'Nonsense'", "t.json:2:27"),
        (#""normalizer": {"type": "Nonsense"}"#, "unsupported normalizer 'Nonsense'", "t.json:2:24"),
        (#""decoder": {"type": "Nonsense"}"#, "unsupported decoder 'Nonsense'", "t.json:2:21"),
        (#""post_processor": {"type": "Nonsense"}"#, "unsupported post-processor 'Nonsense'", "t.json:2:28"),
        (#""pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}"#, "cannot compile the pattern '('", "t.json:2:57"),
        (#""pre_tokenizer": {"type": "Split", "pattern": {"String": "x"}, "behavior": "Odd"}"#, "unknown behavior 'Odd'", "t.json:2:76"),
        (#""pre_tokenizer": {"type": "Sequence"}"#, "pretokenizers is missing", "t.json:2:18"),
        (#""added_tokens": [{"id": -1, "content": "x"}]"#, "an added token's id is -1", "t.json:2:25"),
        (#""added_tokens": [{"id": 1, "content": "x"}]"#, "the added token 'x' has the id 1 of another token", "t.json:2:17"),
        (#""added_tokens": [{"id": 99999999, "content": "x"}]"#, "an added token's id is 99999999", "t.json:2:25"),
    ])
    func componentsAreNamedWithTheirPlace(_ members: String, _ message: String, _ place: String) throws {
        let error = try #require(failure(of: "\(members), \(Self.model)"))
        #expect(error.message.hasPrefix(message), "\(error)")
        #expect(error.place?.description == place)
    }

    @Test(arguments: [
        (#""model": {"type": "Unigram", "vocab": []}"#, "vocab is an array, not an object"),
        (#""model": {"type": "WordPiece", "vocab": {}, "merges": []}"#, "unsupported tokenizer model 'WordPiece'"),
        (#""model": {"vocab": {"a": 0}, "merges": ["a z"]}"#, "merge 0 names 'az', which is no token"),
        (#""model": {"vocab": {"a": 0}, "merges": ["a"]}"#, "a merge is neither"),
        (#""model": {"vocab": {"a": 0, "b": 0}, "merges": []}"#, "two tokens have the id 0"),
        (#""model": {"vocab": {"a": 4294967296}, "merges": []}"#, "the id of a token is 4294967296"),
        (#""model": {"vocab": {"a": 1.5}, "merges": []}"#, "the id of a token is a number, not an integer"),
        (#""model": {"vocab": {"a": 0}, "merges": [], "unk_token": "u"}"#, "unk_token 'u' is no token"),
        (#""model": {"vocab": {"a": 0}, "merges": [], "dropout": 0.1}"#, "dropout is not supported"),
        (#""model": {"vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "</w>"}"#, "end_of_word_suffix is not supported"),
        (#""model": 3"#, "the model has no \"vocab\""),
        (#""version": "1.0""#, "no \"model\" in the tokenizer"),
    ])
    func badModelsAreErrors(_ members: String, _ message: String) throws {
        #expect(try #require(failure(of: members)).message.hasPrefix(message), "\(members)")
    }

    @Test func badGGUFVocabulariesAreErrors() throws {
        var vocabulary = try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "gpt-2")
        vocabulary.tokens.append(vocabulary.tokens[7])
        #expect(throws: HadalError.self) { try Tokenizer(vocabulary) }
        vocabulary.tokens.removeLast()
        vocabulary.merges.append(Array("abc".utf8))
        #expect(throws: HadalError.self) { try Tokenizer(vocabulary) }
        vocabulary.merges = []
        #expect(throws: HadalError.self) { try Tokenizer(vocabulary) }
        vocabulary.tokens = []
        #expect(throws: HadalError.self) { try Tokenizer(vocabulary) }
        #expect(throws: HadalError.self) { try Tokenizer(file: "x.gguf", metadata: { _ in nil }) }
    }
}
