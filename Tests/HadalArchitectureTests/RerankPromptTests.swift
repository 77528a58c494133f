import HadalCore
import Testing

@testable import HadalArchitecture

@Suite("Prompts that ask whether a document fits a query")
struct RerankPromptTests {
    @Test("texts go to their places, and what they hold is left as it is")
    func places() throws {
        let prompt = try #require(try ArchitectureLibrary().description(named: "qwen3").rerankPrompt)
        let usual = "Given a web search query, retrieve relevant passages that answer the query"
        #expect(
            prompt.text(query: "a {document}", document: "b {query}", instruction: nil)
                == "<Instruct>: \(usual)\n<Query>: a {document}\n<Document>: b {query}")
        #expect(prompt.text(query: "a", document: "b", instruction: "c") == "<Instruct>: c\n<Query>: a\n<Document>: b")
        #expect(prompt.before.hasSuffix("<|im_start|>user\n") && prompt.after.hasSuffix("<think>\n\n</think>\n\n"))
    }
}
