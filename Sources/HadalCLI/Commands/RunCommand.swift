import ArgumentParser
import Foundation
import Hadal

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Answer one prompt.")

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingArguments
    @OptionGroup var speculation: SpeculationArguments

    @Option(name: .shortAndLong, help: ArgumentHelp("The prompt; - reads it from stdin.", valueName: "text"))
    var prompt: String

    @Option(help: ArgumentHelp("A system message put before the prompt.", valueName: "text"))
    var system: String?

    @Flag(help: "Continue the prompt as it is, without the model's chat template.")
    var raw = false

    @Flag(help: "Print one JSON object instead of streaming.")
    var json = false

    func run() throws {
        _ = try sampling.options()  // what can be told without a model is told before it is loaded
        var text = prompt
        if text == "-" { text = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) }
        let loadStart = ContinuousClock.now
        let engine = try model.load(speculation)
        let loadSeconds = (ContinuousClock.now - loadStart).seconds
        let ids: [Int32]
        if raw || engine.chatTemplate == nil {
            if !raw { model.search.log.write(.warning, "the model has no chat template; continuing the prompt as it is") }
            ids = try engine.encodePrompt(text)
        } else {
            var messages: [ChatMessage] = []
            if let system { messages.append(ChatMessage(role: "system", content: system)) }
            messages.append(ChatMessage(role: "user", content: text))
            ids = try engine.encodeChat(messages)
        }
        guard !ids.isEmpty else { throw HadalError(.invalidArgument, "the prompt is empty", hint: "give -p some text") }
        let options = try sampling.options(defaults: engine.recommendedSampling)
        let session = engine.makeSession()
        Interrupt.onInterrupt { session.cancel() }

        let prefillStart = ContinuousClock.now
        try session.append(ids)
        let prefillSeconds = (ContinuousClock.now - prefillStart).seconds
        var answer = ""
        var generated: [Int32] = []
        let quiet = json
        let summary = try session.generate(options) { event in
            switch event {
            case .text(let piece):
                answer += piece
                if !quiet { Terminal.out(piece) }
            case .token(let id): generated.append(id)
            case .finished: break
            }
            return !Interrupt.wasInterrupted
        }
        let figures = RunFigures(
            backend: engine.backendDescription, promptTokens: ids.count, prefillSeconds: prefillSeconds, summary: summary,
            loadSeconds: loadSeconds)
        if json {
            Terminal.json(figures.json(text: answer, tokens: generated))
        } else {
            Terminal.out("\n")
            Terminal.note(figures.line)
        }
        if summary.reason == .contextFull {
            throw HadalError(.contextFull, "the context of \(session.contextLength) tokens is full", hint: "raise --context for more")
        }
    }
}

/// What a run measured.
struct RunFigures {
    var backend: String
    var promptTokens: Int
    var prefillSeconds: Double
    var summary: GenerationSummary
    var loadSeconds: Double

    var prefillRate: Double { prefillSeconds > 0 ? Double(promptTokens) / prefillSeconds : 0 }

    var line: String {
        "[\(backend)] prefill \(promptTokens) tokens at \(Terminal.number(prefillRate, 1))/s, "
            + "decode \(summary.generatedTokens) tokens at \(Terminal.number(summary.tokensPerSecond, 1))/s, "
            + (summary.speculation.map { "\($0.line), " } ?? "")
            + "load \(Terminal.number(loadSeconds, 2)) s, peak memory \(Terminal.bytes(ProcessMemory.peakBytes)), ended by \(summary.reason.rawValue)"
    }

    func json(text: String, tokens: [Int32]) -> JSON {
        var figures = JSONObject(figures(text: text, tokens: tokens))
        figures["speculation"] = summary.speculation?.json
        return JSON(.object(figures))
    }

    private func figures(text: String, tokens: [Int32]) -> [(String, JSON)] {
        [
            ("text", JSON(.string(text))),
            ("tokens", JSON(.array(tokens.map { JSON(.int(Int64($0))) }))),
            ("finish_reason", JSON(.string(summary.reason.rawValue))),
            ("backend", JSON(.string(backend))),
            ("prompt_tokens", JSON(.int(Int64(promptTokens)))),
            ("generated_tokens", JSON(.int(Int64(summary.generatedTokens)))),
            ("prefill_tps", JSON(.double(prefillRate))),
            ("decode_tps", JSON(.double(summary.tokensPerSecond))),
            ("load_seconds", JSON(.double(loadSeconds))),
            ("peak_memory_bytes", JSON(.int(Int64(ProcessMemory.peakBytes)))),
            ("seed", JSON(.int(Int64(bitPattern: summary.seed)))),
        ]
    }
}
