import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalKernelTools

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Answer one prompt.")

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingArguments
    @OptionGroup var constraint: ConstraintArguments
    @OptionGroup var chat: ChatArguments
    @OptionGroup var speculation: SpeculationArguments
    @OptionGroup var cache: DiskCacheArguments
    @OptionGroup var live: LiveKernelArguments
    @OptionGroup var offline: OfflineArguments

    @Option(name: .shortAndLong, help: ArgumentHelp("The prompt; - for stdin.", valueName: "text"))
    var prompt: String?

    @Option(
        help: ArgumentHelp("A JSON file with a conversation to answer, including tool calls and results; - for stdin.", valueName: "file"))
    var messages: String?

    @Option(help: ArgumentHelp("System message before the prompt.", valueName: "text"))
    var system: String?

    @Flag(help: "Continue the prompt as it is, without the model's chat template.")
    var raw = false

    @Flag(help: "Print one JSON object instead of streaming.")
    var json = false

    func validate() throws {
        guard (prompt == nil) != (messages == nil) else { throw ValidationError("Give either --prompt or --messages.") }
        if raw, messages != nil || chat.asksForTemplate {
            throw ValidationError("--raw uses no chat template; --messages, --tools, --think on and --option need one.")
        }
    }

    func run() throws {
        try offline.enforce(log: model.search.log)
        let conversation = try readMessages()
        let request = try chat.request(conversation)
        let wanted = try constraint.constraint()
        let loadStart = ContinuousClock.now
        let engine = try model.load(speculation, live, cache: cache)
        let watcher = try live.watch(engine)
        defer {
            watcher?.stop()
            engine.saveCache()
        }
        let loadSeconds = (ContinuousClock.now - loadStart).seconds
        var chosen = sampling.choose(for: engine, log: model.search.log)
        chosen.generation.constraint = wanted
        let session = engine.makeSession()
        Interrupt.onInterrupt { session.cancel() }

        var printer = ReplyPrinter(chat.reasoning, mayReason: !raw && engine.canReason)
        let quiet = json
        func show(_ event: GenerationEvent) -> Reaction {
            if !quiet { printer.show(event) }
            return Interrupt.wasInterrupted ? .stop : .continue
        }
        let reply: ChatReply
        if raw || (!engine.hasChatTemplate && messages == nil && !chat.asksForTemplate) {
            if !raw { model.search.log.write(.warning, "the model has no chat template; continuing the prompt as it is") }
            reply = try session.complete(conversation.last?.content ?? "", options: chosen.generation, onEvent: show)
        } else {
            reply = try session.reply(to: try engine.chatPrompt(request), options: chosen.generation, onEvent: show)
        }
        let figures = RunFigures(
            backend: engine.backendDescription, reply: reply, loadSeconds: loadSeconds, experts: engine.expertStatistics)
        if json {
            Terminal.json(figures.json(chosen))
        } else {
            printer.finish()
            Terminal.note(figures.line)
            if model.search.verbose { Terminal.note(chosen.line) }
            figures.explain()
        }
        if reply.summary.reason == .contextFull {
            throw HadalError(.contextFull, "the context of \(session.contextLength) tokens is full", hint: "raise --context for more")
        }
    }

    private func readMessages() throws -> [ChatMessage] {
        var list: [ChatMessage] = []
        if let messages {
            list = try ChatMessage.list(try InputText.json(messages))
        } else if let prompt {
            list = [.user(prompt == "-" ? InputText.prompt() : prompt)]
        }
        if let system { list.insert(.system(system), at: 0) }
        return list
    }
}

/// What a run measured.
struct RunFigures {
    var backend: String
    var reply: ChatReply
    var loadSeconds: Double
    /// nil: all experts are in memory, or there are none.
    var experts: ExpertStatistics?

    var summary: GenerationSummary { reply.summary }
    var prefillRate: Double { reply.prefillSeconds > 0 ? Double(reply.promptTokens) / reply.prefillSeconds : 0 }

    var line: String {
        "[\(backend)] prefill \(reply.promptTokens) tokens at \(Terminal.number(prefillRate, 1))/s"
            + (reply.reusedTokens > 0 ? " after \(reply.reusedTokens) that were known, " : ", ")
            + "decode \(summary.generatedTokens) tokens at \(Terminal.number(summary.tokensPerSecond, 1))/s"
            + (summary.reasoningTokens > 0 ? " (\(summary.reasoningTokens) of reasoning), " : ", ")
            + (summary.speculation.map { "\($0.line), " } ?? "")
            + "load \(Terminal.number(loadSeconds, 2)) s, peak memory \(Terminal.bytes(ProcessMemory.peakBytes)), ended by \(summary.reason.rawValue)"
            + (experts.map { ", experts \($0.line)" } ?? "")
    }

    /// Says what to do about an answer that never began.
    func explain() {
        guard reply.answer.isEmpty, reply.toolCalls.isEmpty, summary.reasoningTokens > 0, summary.reason == .length else { return }
        Terminal.note("the model was still reasoning; raise --max-tokens, or limit the reasoning with --reasoning-budget")
    }

    func json(_ chosen: ChosenSampling) -> JSON {
        var object = JSONObject(figures(chosen))
        object["speculation"] = summary.speculation?.json
        return JSON(.object(object))
    }

    private func figures(_ chosen: ChosenSampling) -> [(String, JSON)] {
        [
            ("experts", experts?.json ?? .null),
            ("text", JSON(.string(reply.answer))),
            ("reasoning", JSON(.string(reply.reasoning))),
            ("tool_calls", JSON(.array(reply.toolCalls.map { $0.json() }))),
            ("tokens", JSON(.array(reply.tokens.map { JSON(.int(Int64($0))) }))),
            ("finish_reason", JSON(.string(summary.reason.rawValue))),
            ("backend", JSON(.string(backend))),
            ("prompt_tokens", JSON(.int(Int64(reply.promptTokens)))),
            ("reused_tokens", JSON(.int(Int64(reply.reusedTokens)))),
            ("generated_tokens", JSON(.int(Int64(summary.generatedTokens)))),
            ("reasoning_tokens", JSON(.int(Int64(summary.reasoningTokens)))),
            ("injected_tokens", JSON(.int(Int64(summary.injectedTokens)))),
            ("prefill_tps", JSON(.double(prefillRate))),
            ("decode_tps", JSON(.double(summary.tokensPerSecond))),
            ("load_seconds", JSON(.double(loadSeconds))),
            ("peak_memory_bytes", JSON(.int(Int64(ProcessMemory.peakBytes)))),
            ("sampling", chosen.json),
            ("seed", JSON(BigInteger(summary.seed))),
        ]
    }
}
