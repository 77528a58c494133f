import ArgumentParser
import Foundation
import Hadal
import HadalCore

@main
struct HadalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hadal",
        abstract: "Runs open language models on this machine; nothing you type leaves it.",
        discussion: """
            MODEL is a GGUF file, a Hugging Face directory, or a name from the catalogue (hadal models).
            Results go to stdout, progress and logs to stderr. Exit status: 0 success, 1 failure, 2 usage.
            """,
        version: HadalVersion.current,
        groupedSubcommands: [
            CommandGroup(
                name: "Running", subcommands: [RunCommand.self, ChatCommand.self, ServeCommand.self, EmbedCommand.self, RerankCommand.self]),
            CommandGroup(
                name: "Models",
                subcommands: [
                    PullCommand.self, ModelsCommand.self, InspectCommand.self, QuantizeCommand.self, SynthCommand.self, CacheCommand.self,
                ]),
            CommandGroup(
                name: "Inspecting",
                subcommands: [
                    LogitsCommand.self, GenerateIDsCommand.self, TokenizeCommand.self, TemplateCommand.self, TraceCommand.self,
                    BenchCommand.self, EvalCommand.self,
                ]),
            CommandGroup(
                name: "The machine and its plugins",
                subcommands: [
                    PlanCommand.self, DoctorCommand.self, BackendsCommand.self, PluginCommand.self, KernelsCommand.self, ArchCommand.self,
                    VerdictCommand.self,
                ]),
        ])

    /// Errors of the model or the machine exit 1, mistakes on the command line 2.
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        StandardStream.reserve()
        do {
            let arguments = try ServeSettings.expanded(ProgramArguments.afterName, environment: ProcessInfo.processInfo.environment)
            var command = try parseAsRoot(NumericArguments.joined(arguments))
            try command.run()
            StandardStream.finish()
        } catch let error as HadalError {
            Terminal.error(error.commandLine)
            Foundation.exit(1)
        } catch let error as TemplateError {
            Terminal.error(error.hadalError.commandLine)
            Foundation.exit(1)
        } catch let error as Failure {
            if let message = error.message { Terminal.error(message) }
            Foundation.exit(1)
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if code == .success {
                if !text.isEmpty { Terminal.line(text) }
                StandardStream.finish()
                Foundation.exit(0)
            }
            if code == .validationFailure {
                Terminal.write(text + "\n", to: .standardError)
                Foundation.exit(2)
            }
            Terminal.error(text.isEmpty ? "\(error)" : text)
            Foundation.exit(1)
        }
    }
}

/// A command that has already said what is wrong, or says it in one line.
struct Failure: Error {
    var message: String?
}
