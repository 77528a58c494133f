import ArgumentParser
import CEditline
import Foundation
import Hadal

struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Talk with a model.",
        discussion: "Line editing and history. /help lists what else can be typed; Ctrl-C stops an answer, Ctrl-D ends the chat.")

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingArguments
    @OptionGroup var speculation: SpeculationArguments
    @Option(help: ArgumentHelp("A system message.", valueName: "text"))
    var system: String?

    private static let help = """
        /help          this list
        /clear         forget the conversation
        /system TEXT   set the system message and start over
        /undo          take back the last question and its answer
        /stats         show what the last answer took
        /exit          end
        """

    func run() throws {
        let engine = try model.load(speculation)
        guard engine.chatTemplate != nil else {
            throw HadalError(.unsupported, "the model has no chat template", hint: "use hadal run --raw")
        }
        let options = try sampling.options(defaults: engine.recommendedSampling)
        var conversation = Conversation(engine: engine, system: system)
        let editor = LineEditor(historyFile: (try ModelStore.defaultDirectory()) + "/../chat-history")
        Terminal.note("\(engine.backendDescription), context \(engine.contextLength) tokens; /help for help")
        var figures = "nothing answered yet"
        while let line = editor.read(prompt: "> ") {
            let text = line.trimmingCharacters(in: .whitespacesAndNewlines)
            if text.isEmpty { continue }
            if text.hasPrefix("/") {
                let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
                switch parts[0] {
                case "/exit", "/quit": return
                case "/help": Terminal.note(Self.help)
                case "/clear": conversation.clear()
                case "/undo": conversation.undo()
                case "/stats": Terminal.note(figures)
                case "/system":
                    conversation.clear()
                    conversation.system = parts.count > 1 ? parts[1] : nil
                default: Terminal.note("unknown command \(parts[0]); /help lists them")
                }
                continue
            }
            do {
                Interrupt.reset()
                let session = conversation.session
                Interrupt.onInterrupt { session.cancel() }
                let turn = try conversation.ask(text, options: options) { piece in
                    Terminal.out(piece)
                    return !Interrupt.wasInterrupted
                }
                Terminal.out("\n")
                figures = RunFigures(
                    backend: engine.backendDescription, promptTokens: turn.promptTokens, prefillSeconds: turn.prefillSeconds,
                    summary: turn.summary, loadSeconds: 0).line
                if turn.summary.reason == .contextFull { Terminal.note("the context is full; /clear starts over") }
            } catch let error as HadalError {
                // The question is taken back, so that the conversation stays well formed.
                Terminal.error(error.description)
            }
        }
    }
}
