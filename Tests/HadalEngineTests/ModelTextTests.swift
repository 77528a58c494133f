import HadalCore
import HadalFormats
import TestSupport
import Testing

@testable import HadalEngine

@Suite struct ModelTextTests {
    private func files(_ more: [String: String]) throws -> ModelFiles {
        let all = ["config.json": #"{"model_type": "llama"}"#].merging(more) { $1 }
        return try ModelFiles.open(files: all.mapValues { Array($0.utf8) }, name: "m", weights: false)
    }

    /// Logits need no tokenizer, so that one in another form does not keep a model from loading.
    @Test(arguments: [["tekken.json": "{}"], ["vocab.json": #"{"a": 0}"#, "merges.txt": ""], ["tokenizer.model": "IQ== 0\n"]])
    func aTokenizerThatIsNotReadIsAProblemOfTexts(_ more: [String: String]) throws {
        let found = try ModelText.found(in: files(more))
        #expect(found.tokenizer == nil && found.problem?.code == .unsupported)
    }

    @Test func anUnsupportedTokenizerJSONFailsTheModel() throws {
        #expect(try ModelText.found(in: files([:])).problem == nil)
        expectError(.unsupported) { try ModelText.found(in: files(["tokenizer.json": #"{"model": {"type": "Other", "vocab": {}}}"#])) }
    }
}
