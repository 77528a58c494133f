import Hadal
import HadalCPU

/// Loads a model, continues or answers a prompt, and prints the text as it comes.
@main
struct Ask {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else {
            print("usage: Ask MODEL PROMPT")
            return
        }
        // The backend is linked in, so that no plugin file has to be shipped.
        var options = EngineOptions()
        options.environment.backends = [CPUBackend()]
        options.backend = "cpu"
        let engine = try Engine(path: arguments[1], options: options)

        let session = engine.makeSession()
        var generation = GenerationOptions()
        generation.sampling = .greedy
        generation.maxTokens = 64
        let events: AsyncThrowingStream<GenerationEvent, any Error>
        if engine.chatTemplate != nil {
            let question = ChatRequest(messages: [ChatMessage(role: "user", content: arguments[2])])
            events = session.replies(to: try engine.chatPrompt(question), options: generation)
        } else {
            // A checkpoint without a tokenizer: the prompt is token ids.
            let ids = arguments[2].split(separator: ",").compactMap { Int32($0) }
            try session.append(engine.tokenizer == nil ? ids : try engine.encodePrompt(arguments[2]))
            events = session.stream(generation)
        }
        for try await event in events {
            switch event {
            case .text(let piece): print(piece, terminator: "")
            case .reasoning, .textWasReasoning, .toolCall: break
            case .token(let id): if engine.tokenizer == nil { print(id, terminator: " ") }
            case .finished(let summary): print("\n[\(summary.generatedTokens) tokens, \(summary.reason.rawValue)]")
            }
        }
    }
}
