import ArgumentParser
import FoundationEssentials
import HadalCore
import Testing

@testable import HadalCLI

@Suite("Hints at the command line")
struct CommandLineHintTests {
    typealias Hint = HadalError.Hint

    private static let actions: [Hint.Action] = [
        .pull("tiny"), .pull(nil), .pullFromFile("tiny"), .pullFromFile(nil), .resumePull, .showPlan, .writePlan, .listBackends, .listGraph,
        .writeLogits, .saveNode, .useTokenIDs,
    ]

    /// The help of every command.
    private static let help: String = {
        func all(_ command: any ParsableCommand.Type) -> [String] {
            [HadalCommand.helpMessage(for: command)] + command.configuration.subcommands.flatMap(all)
                + command.configuration.groupedSubcommands.flatMap(\.subcommands).flatMap(all)
        }
        return all(HadalCommand.self).joined(separator: "\n")
    }()

    private static func flags(_ text: String) -> [String] {
        text.split { !($0.isLetter || $0 == "-") }.map(String.init).filter { $0.hasPrefix("--") }
    }

    @Test("say a flag that a command has, for every setting and direction", arguments: Hint.Setting.allCases)
    func settings(setting: Hint.Setting) {
        for direction in Hint.Direction.allCases {
            for figure in [nil, .text("X"), .bytes(3 << 20), .tokens(77)] as [Hint.Figure?] {
                let text = HadalError(.io, "no", hint: [.change(setting, direction, figure)]).commandLine
                let flags = Self.flags(text)
                // The size of the cache follows from the command.
                #expect(flags.count == (setting == .cacheTokens ? 0 : 1), "\(text)")
                for flag in flags { #expect(Self.help.contains("\(flag) ") || Self.help.contains("\(flag)\n"), "no command has \(flag)") }
            }
        }
    }

    @Test("say a command that there is, for every action", arguments: actions)
    func commands(action: Hint.Action) throws {
        let text = HadalError(.io, "no", hint: [.action(action)]).commandLine
        for flag in Self.flags(text) { #expect(Self.help.contains("\(flag) "), "\(text)") }
        for command in text.components(separatedBy: "hadal ").dropFirst() {
            let name = try #require(command.split(separator: " ").first)
            #expect(Self.help.contains("USAGE: hadal \(name) "), "\(text)")
        }
    }

    @Test(
        "read as a person types them",
        arguments: [
            ([.raise(.contextLength), "or start a new session"], "raise --context; or start a new session"),
            ([.lower(.contextLength, to: .tokens(4096))], "--context 4096 fits"),
            ([.raise(.expertMemory, to: .bytes(5 << 10))], "--expert-memory 5KiB is the minimum for this model"),
            ([.raise(.memory, to: .bytes(3 << 30))], "--memory 3GiB is the minimum for this model"),
            ([.lower(.placement), .action(.showPlan)], "place fewer ops on it (--place); hadal plan shows what a model needs"),
            ([.set(.fallback, to: "warn")], "--fallback warn lets another backend run them"),
            ([.remove(.speculation)], "leave --speculate out"), ([.set(.architecture)], "choose one with --architecture"),
            ([.remove(.chatTemplate)], "use --raw"), ([.remove(.tokenizer)], "--no-tokenizer writes the file without one"),
            ([.action(.pull("tiny"))], "run: hadal pull tiny"),
            ([.action(.pullFromFile("tiny")), "ask"], "run: hadal pull tiny --from FILE; ask"),
        ] as [(Hint, String)])
    func texts(hint: Hint, text: String) {
        #expect(HadalError(.io, "no", hint: hint).commandLine == "no (\(text))")
    }
}
