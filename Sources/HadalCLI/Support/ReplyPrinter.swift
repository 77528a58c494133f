import Foundation
import Hadal

/// Writes a reply to the terminal as it comes: the answer to stdout, the reasoning as the user wants it.
struct ReplyPrinter {
    private enum Part { case nothing, reasoning, answer }

    private let display: ReasoningDisplay
    private let isTerminal = isatty(1) == 1
    private let isStyled: Bool
    private var last = Part.nothing

    init(_ display: ReasoningDisplay, environment: [String: String] = ProcessInfo.processInfo.environment) {
        self.display = display
        isStyled = isatty(1) == 1 && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    mutating func show(_ event: GenerationEvent) {
        switch event {
        case .reasoning(let text): reasoning(text)
        case .text(let text): answer(text)
        case .toolCall(let call):
            let line: JSON = ["id": JSON(.string(call.id)), "name": JSON(.string(call.name)), "arguments": call.arguments]
            answer((last == .answer ? "\n" : "") + line.text())
        case .token, .finished: break
        }
    }

    /// Ends the reply's last line.
    mutating func finish() {
        if last == .reasoning, display == .show, !isTerminal { Terminal.write("\n", to: .standardError) }
        Terminal.out("\n")
        last = .nothing
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
