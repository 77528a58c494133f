import Foundation
import Hadal
import HadalCore

/// Writes a reply as it comes: the answer to stdout, the reasoning as the user wants it.
///
/// A model may turn out to have thought where it seemed to answer. On a terminal a line says so, since what was written stays there;
/// elsewhere the answer waits until that cannot happen any more.
struct ReplyPrinter {
    private enum Part { case nothing, reasoning, answer }

    private enum Output {
        case text(String)
        case call(ToolCall)
    }

    private let display: ReasoningDisplay
    private let progress = Progress("reading the cache")
    private let isTerminal = isatty(1) == 1
    private let isStyled: Bool
    private var last = Part.nothing
    /// The answer may still turn out to be reasoning.
    private var isOpen: Bool
    private var waiting: [Output] = []

    /// - Parameter mayReason: the model's form of reasoning is known.
    init(_ display: ReasoningDisplay, mayReason: Bool, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.display = display
        isOpen = mayReason
        isStyled = isatty(1) == 1 && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    mutating func show(_ event: GenerationEvent) {
        switch event {
        case .reasoning(let text):
            // Reasoning that has its own markers: what follows is the answer.
            isOpen = false
            flush()
            reasoning(text)
        case .text(let text): write(.text(text))
        case .toolCall(let call): write(.call(call))
        case .textWasReasoning(let text):
            isOpen = false
            let calls = waiting.filter { if case .call = $0 { true } else { false } }
            let wasShown = waiting.isEmpty && last == .answer
            waiting = []
            if wasShown {
                Terminal.out(isStyled ? "\n\u{1B}[2m[the text above was reasoning]\u{1B}[0m\n\n" : "\n[the text above was reasoning]\n\n")
                last = .nothing
            } else {
                reasoning(text)
            }
            for call in calls { put(call) }
        case .restored(let done, let all):
            progress.update(Double(done) / Double(all), detail: "\(done) tokens")
            if done >= all { progress.finish() }
        case .token, .logProbabilities, .finished: break
        }
    }

    /// Ends the reply's last line.
    mutating func finish() {
        flush()
        if last == .reasoning, display == .show, !isTerminal { Terminal.write("\n", to: .standardError) }
        Terminal.out("\n")
        last = .nothing
    }

    private mutating func write(_ output: Output) {
        if isOpen, !isTerminal { waiting.append(output) } else { put(output) }
    }

    private mutating func flush() {
        let outputs = waiting
        waiting = []
        for output in outputs { put(output) }
    }

    private mutating func put(_ output: Output) {
        switch output {
        case .text(let text): answer(text)
        case .call(let call):
            let line: JSON = ["id": JSON(.string(call.id)), "name": JSON(.string(call.name)), "arguments": call.arguments]
            answer((last == .answer ? "\n" : "") + line.text())
        }
    }

    private mutating func reasoning(_ text: String) {
        switch display {
        case .hide: return
        case .only: Terminal.out(text)
        case .auto, .show:
            if isStyled {
                Terminal.out("\u{1B}[2m\(text)\u{1B}[0m")
            } else if isTerminal {
                Terminal.out((last == .nothing ? "[thinking]\n" : last == .answer ? "\n\n[thinking]\n" : "") + text)
            } else if display == .show {
                Terminal.write(text, to: .standardError)
            } else {
                return
            }
        }
        last = .reasoning
    }

    private mutating func answer(_ text: String) {
        guard display != .only else { return }
        if last == .reasoning {
            if isTerminal {
                Terminal.out(isStyled ? "\n\n" : "\n\n[answer]\n")
            } else {
                Terminal.write("\n", to: .standardError)
            }
        }
        Terminal.out(text)
        last = .answer
    }
}
