import ArgumentParser
import CEditline
import Foundation
import Hadal
import HadalKernelTools
import HadalSandbox

struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Chat with a model.",
        discussion: "With line editing and history. /help lists the commands; Ctrl-C stops an answer, Ctrl-D ends the chat.")

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingArguments
    @OptionGroup var chat: ChatArguments
    @OptionGroup var speculation: SpeculationArguments
    @OptionGroup var cache: DiskCacheArguments
    @OptionGroup var live: LiveKernelArguments
    @OptionGroup var offline: OfflineArguments
    @Option(help: ArgumentHelp("A system message.", valueName: "text"))
    var system: String?

    @Flag(
        name: .customLong("no-history"),
        help:
            "Keep no file of the lines that were typed, and read none. Otherwise they are kept unencrypted in chat-history beside the models' directory, readable by you alone."
    )
    var keepsNoHistory = false

    private static let help = """
        /help          show this list
        /clear         forget the conversation
        /system TEXT   set the system message and start over
        /undo          remove the last question and its answer
        /think MODE    whether the model reasons before it answers: on, off or auto
        /stats         show the statistics of the last answer
        /exit          end
        """

    func run() throws {
        let seal = try offline.enforce(log: model.search.log)
        let request = try chat.request()
        let engine = try model.load(speculation, live, cache: cache)
        let watcher = try live.watch(engine)
        defer {
            watcher?.stop()
            engine.saveCache()
        }
        guard engine.hasChatTemplate else {
            throw HadalError(.unsupported, "the model has no chat template", hint: "use hadal run --raw")
        }
        let chosen = sampling.choose(for: engine, log: model.search.log)
        let conversation = Conversation(engine: engine, system: system)
        conversation.request = request
        let editor = LineEditor(historyFile: keepsNoHistory ? nil : (try ModelStore.defaultDirectory()) + "/../chat-history")
        Terminal.note("\(engine.backendDescription), context \(engine.contextLength) tokens; /help for help")
        if let seal { Terminal.note(seal.line) }
        if model.search.verbose { Terminal.note(chosen.line) }
        var figures: RunFigures?
        while let line = editor.read(prompt: "> ") {
            let text = line.trimmingCharacters(in: .whitespacesAndNewlines)
            if text.isEmpty { continue }
            if text.hasPrefix("/") {
                if text == "/exit" || text == "/quit" { return }
                if text == "/stats" {
                    Terminal.note(figures?.line ?? "nothing answered yet")
                    Terminal.note(chosen.line)
                } else {
                    Self.obey(text, conversation)
                }
                continue
            }
            do {
                var reply = try answer(to: text, in: conversation, chosen.generation)
                while !reply.toolCalls.isEmpty, giveResults(of: reply.toolCalls, to: conversation, from: editor) {
                    reply = try answer(to: nil, in: conversation, chosen.generation)
                }
                figures = RunFigures(backend: engine.backendDescription, reply: reply, loadSeconds: 0, experts: engine.expertStatistics)
                figures?.explain()
                if reply.summary.reason == .contextFull { Terminal.note("the context is full; /clear starts over") }
            } catch {
                // The question is taken back, so that the conversation stays well formed.
                if conversation.messages.last?.role == .tool { conversation.undo() }
                Terminal.error((error as? HadalError)?.commandLine ?? "\(error)")
            }
        }
    }

    /// Asks the user for what the tools would have said. Without an answer to each, the question is taken back.
    private func giveResults(of calls: [ToolCall], to conversation: Conversation, from editor: LineEditor) -> Bool {
        for call in calls {
            guard !Interrupt.wasInterrupted, let result = editor.read(prompt: "\(call.name) = ") else {
                conversation.undo()
                return false
            }
            conversation.addResult(result, for: call)
        }
        return true
    }

    /// Streams the reply to a question, or to the results of tools.
    private func answer(to question: String?, in conversation: Conversation, _ options: GenerationOptions) throws -> ChatReply {
        Interrupt.reset()
        let session = conversation.session
        Interrupt.onInterrupt { session.cancel() }
        var printer = ReplyPrinter(chat.reasoning, mayReason: session.engine.canReason)
        func show(_ event: GenerationEvent) -> Reaction {
            printer.show(event)
            return Interrupt.wasInterrupted ? .stop : .continue
        }
        let reply =
            if let question { try conversation.ask(question, options: options, onEvent: show) } else {
                try conversation.answer(options: options, onEvent: show)
            }
        printer.finish()
        return reply
    }

    private static func obey(_ text: String, _ conversation: Conversation) {
        let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
        switch parts[0] {
        case "/help": Terminal.note(Self.help)
        case "/clear": conversation.clear()
        case "/undo": conversation.undo()
        case "/system":
            conversation.clear()
            conversation.system = parts.count > 1 ? parts[1] : nil
        case "/think":
            guard parts.count > 1, let mode = ThinkingMode(rawValue: parts[1]) else {
                return Terminal.note("/think is on, off or auto; it is \(conversation.request.thinking.rawValue)")
            }
            conversation.request.thinking = mode
        default: Terminal.note("unknown command \(parts[0]); /help lists them")
        }
    }
}
