import HadalCore
import TestSupport
import Testing

@testable import HadalText

@Suite struct TokenizerFileErrorTests {
    private static let model = #""model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}"#

    private func failure(_ code: HadalError.Code, of members: String) -> HadalError? {
        expectError(code) { try TokenizerFixtures.tokenizer(json: "{\n\(members)\n}") }
    }

    @Test func minimalFileWorks() throws {
        let tokenizer = try TokenizerFixtures.tokenizer(json: "{\(Self.model)}")
        #expect(try tokenizer.encode("abba") == [2, 1, 0])
        #expect(try tokenizer.decode([2, 1]) == "ab b")
    }

    @Test(arguments: [
        (#""pre_tokenizer": {"type": "Nonsense"}"#, HadalError.Code.unsupported, "unsupported pre-tokenizer 'Nonsense'", "t.json:2:27"),
        (#""normalizer": {"type": "Nonsense"}"#, .unsupported, "unsupported normalizer 'Nonsense'", "t.json:2:24"),
        (#""decoder": {"type": "Nonsense"}"#, .unsupported, "unsupported decoder 'Nonsense'", "t.json:2:21"),
        (#""post_processor": {"type": "Nonsense"}"#, .unsupported, "unsupported post-processor 'Nonsense'", "t.json:2:28"),
        (
            #""pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}"#, .malformed,
            "a '(' without its ')' at character 1 of the pattern '('", "t.json:2:57"
        ),
        (
            #""pre_tokenizer": {"type": "Split", "pattern": {"String": "x"}, "behavior": "Odd"}"#, .unsupported, "unknown behavior 'Odd'",
            "t.json:2:76"
        ),
        (#""pre_tokenizer": {"type": "Sequence"}"#, .malformed, "pretokenizers is missing", "t.json:2:18"),
        (#""added_tokens": [{"id": -1, "content": "x"}]"#, .malformed, "an added token's id is -1", "t.json:2:25"),
        (#""added_tokens": [{"id": 99999999, "content": "x"}]"#, .malformed, "an added token's id is 99999999", "t.json:2:25"),
    ])
    func componentsAreNamedWithTheirPlace(_ members: String, _ code: HadalError.Code, _ message: String, _ place: String) throws {
        let error = try #require(failure(code, of: "\(members), \(Self.model)"))
        #expect(error.message.hasPrefix(message), "\(error)")
        #expect(error.place?.description == place)
    }

    @Test(arguments: [
        (#""model": {"type": "Unigram", "vocab": []}"#, HadalError.Code.malformed, "a vocabulary without tokens"),
        (
            #""model": {"type": "Unigram", "vocab": {"a": 0}}"#, .malformed,
            "vocab is an object, which is not what the tokenizer model 'Unigram' has"
        ),
        (
            #""model": {"type": "BPE", "vocab": [["a", 0]], "merges": []}"#, .malformed,
            "vocab is an array, which is not what the tokenizer model 'BPE' has"
        ),
        (#""model": {"type": "Unigram", "vocab": [["a", "b"]]}"#, .malformed, "an entry of the vocabulary is not a token and its score"),
        (#""model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": 1}"#, .malformed, "unk_id is 1; the vocabulary has 1 tokens"),
        (#""model": {"type": "Other", "vocab": {}}"#, .unsupported, "unsupported tokenizer model 'Other'"),
        (#""model": {"vocab": {"a": 0}, "merges": ["a z"]}"#, .malformed, "merge 0 names 'az', which is not a token"),
        (#""model": {"vocab": {"a": 0}, "merges": ["a"]}"#, .malformed, "a merge is neither"),
        (#""model": {"vocab": {"a": 4294967296}, "merges": []}"#, .malformed, "the id of a token is 4294967296"),
        (#""model": {"vocab": {"a": 1.5}, "merges": []}"#, .malformed, "the id of a token is a number, not an integer"),
        (#""model": {"vocab": {"a": 0}, "merges": [], "unk_token": "u"}"#, .malformed, "unk_token 'u' is not a token"),
        (#""model": {"vocab": {"a": 0}, "merges": [], "dropout": 0.1}"#, .unsupported, "dropout is not supported"),
        (#""model": {"vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "</w>"}"#, .unsupported, "end_of_word_suffix is not supported"),
        (#""model": 3"#, .malformed, "the model has no \"vocab\""),
        (#""version": "1.0""#, .malformed, "no \"model\" in the tokenizer"),
    ])
    func badModelsAreErrors(_ members: String, _ code: HadalError.Code, _ message: String) throws {
        #expect(try #require(failure(code, of: members)).message.hasPrefix(message), "\(members)")
    }

    @Test func badGGUFVocabulariesAreErrors() throws {
        var vocabulary = try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "gpt-2")
        vocabulary.merges.append(Array("abc".utf8))
        expectError(.malformed, "is 'abc', not two parts") { try Tokenizer(vocabulary) }
        vocabulary.merges = []
        expectError(.malformed, "without merges") { try Tokenizer(vocabulary) }
        vocabulary.tokens = []
        expectError(.malformed, "a vocabulary of 0 tokens") { try Tokenizer(vocabulary) }
        expectError(.notFound, "x.gguf", "the file has no tokenizer") { try Tokenizer(file: "x.gguf", metadata: { _ in nil }) }
    }

    @Test func repeatedGGUFTokensDecodeAndTheFirstEncodes() throws {
        var vocabulary = try TokenizerFixtures.byteLevelGGUF("byte_level", pre: "gpt-2")
        let (first, count) = (try Tokenizer(vocabulary).encode("a")[0], Int32(vocabulary.tokens.count))
        vocabulary.tokens += [vocabulary.tokens[Int(first)], Array("<end>".utf8), Array("<end>".utf8)]
        vocabulary.kinds += [.normal, .control, .control]
        vocabulary.eosID = Int(count) + 1
        let tokenizer = try Tokenizer(vocabulary)
        #expect(try tokenizer.encode("a<end>") == [first, count + 1])
        #expect(try tokenizer.decode([count, count + 2]) == "a<end>")
        #expect(tokenizer.special.endIDs == [count + 1, count + 2])
        #expect(try tokenizer.isControl(count + 2))
    }
}
