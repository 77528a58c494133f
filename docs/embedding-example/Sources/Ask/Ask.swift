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
        let engine = try await Engine.load(arguments[1], options: EngineOptions(backends: [CPUBackend()]))

        let session = engine.makeSession()
        let generation = GenerationOptions(sampling: .greedy, maxTokens: 64)
        let events: GenerationStream
        if engine.hasChatTemplate {
            events = session.replies(to: try engine.chatPrompt(ChatRequest(messages: [.user(arguments[2])])), options: generation)
        } else if engine.tokenizer != nil {
            events = session.completion(of: arguments[2], options: generation)
        } else {
            // A checkpoint without a tokenizer: the prompt is token ids.
            let ids = arguments[2].split(separator: ",").compactMap { Int32($0) }
            try await engine.perform { try session.append(ids) }
            events = session.stream(generation)
        }
        for try await event in events {
            switch event {
            case .text(let piece): print(piece, terminator: "")
            case .token(let id): if engine.tokenizer == nil { print(id, terminator: " ") }
            case .finished(let summary): print("\n[\(summary.generatedTokens) tokens, \(summary.reason.rawValue)]")
            default: break
            }
        }
    }
}
