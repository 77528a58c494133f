import HadalFormats
import HadalText
import Testing

@testable import HadalSynthesis

@Suite struct SyntheticVocabularyTests {
    @Test(arguments: [2, 5, 255, 256, 300, 5000, 70_000])
    func everySizeHasDistinctTokensAndAMergeForEachLongerOne(size: Int) throws {
        let vocabulary = SyntheticVocabulary(size: size, bos: 0, eos: size - 1)
        #expect(vocabulary.tokens.count == size && Set(vocabulary.tokens).count == size)
        let known = Set(vocabulary.tokens)
        let broken = vocabulary.merges.filter { merge in
            let halves = merge.split(separator: " ").map(String.init)
            return halves.count != 2 || !known.contains(halves[0]) || !known.contains(halves[1]) || !known.contains(halves.joined())
        }
        #expect(broken.isEmpty && vocabulary.merges.isEmpty == (size < 5))
        #expect(vocabulary.tokens[size - 1] == "<|eos|>" && vocabulary.tokens[0] == "<|bos|>")
    }

    @Test func idsOutsideTheVocabularyAreLeftOut() {
        let vocabulary = SyntheticVocabulary(size: 300, bos: 300, eos: nil)
        #expect(vocabulary.bos == nil && !vocabulary.metadata.contains { $0.key.hasSuffix("token_id") })
    }

    @Test(arguments: [259, 400, 3000])
    func ourTokenizerEncodesAndDecodesEveryText(size: Int) throws {
        let vocabulary = SyntheticVocabulary(size: size, bos: 0, eos: 1)
        let metadata = Dictionary(vocabulary.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { a, _ in a })
        let tokenizer = try Tokenizer(file: "synthetic", metadata: { metadata[$0] })
        for text in ["", "hello there, the rain", "Füße 漢字 🙂\n\t\u{0}", " a  b"] {
            let ids = try tokenizer.encode(text)
            #expect(ids.allSatisfy { $0 > 1 && Int($0) < size })
            #expect(try tokenizer.decode(ids) == text)
        }
        if size == 3000 { #expect(try tokenizer.encode("there").count < 5) }
    }
}
