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
        if engine.tokenizer == nil {
            // A checkpoint without a tokenizer: the prompt is token ids.
            try session.append(arguments[2].split(separator: ",").compactMap { Int32($0) })
        } else if engine.chatTemplate != nil {
            try session.append(try engine.encodeChat([ChatMessage(role: "user", content: arguments[2])]))
        } else {
            try session.append(try engine.encodePrompt(arguments[2]))
        }

        var generation = GenerationOptions()
        generation.sampling = .greedy
        generation.maxTokens = 64
        for try await event in session.stream(generation) {
            switch event {
            case .text(let piece): print(piece, terminator: "")
            case .token(let id): if engine.tokenizer == nil { print(id, terminator: " ") }
            case .finished(let summary): print("\n[\(summary.generatedTokens) tokens, \(summary.reason.rawValue)]")
            }
        }
    }
}
