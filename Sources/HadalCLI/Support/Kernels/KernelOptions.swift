import ArgumentParser
import Hadal
import HadalBackend
import HadalCore
import HadalKernelTools

/// On which backend a command works on kernels, and with which directories of op folders.
struct KernelOptions: ParsableArguments {
    @OptionGroup var search: SearchOptions

    @Option(help: ArgumentHelp("Backend whose kernels to use: name, or name:device.", valueName: "name"))
    var backend = "cpu"

    @Option(help: ArgumentHelp("Set an option of a backend (hadal backends lists them).", valueName: "backend.option=value"))
    var set: [String] = []

    func validate() throws {
        for setting in set where !setting.contains("=") || !(setting.split(separator: "=").first?.contains(".") ?? false) {
            throw ValidationError("--set requires backend.option=value, not '\(setting)'.")
        }
    }

    var settings: [String: String] {
        var settings: [String: String] = [:]
        for setting in set {
            guard let split = setting.firstIndex(of: "=") else { continue }
            settings[String(setting[..<split])] = String(setting[setting.index(after: split)...])
        }
        return settings
    }

    func open(options: [String: OptionValue] = [:], log: LogSink? = nil) throws -> KernelWorkbench {
        try KernelWorkbench(backend, environment: search.environment, settings: settings, options: options, log: log ?? search.log)
    }

    /// These options as arguments of another command.
    var arguments: [String] {
        var arguments = ["--backend", backend]
        for path in search.kernelPaths { arguments += ["--kernels", path] }
        for path in search.pluginPaths { arguments += ["--plugin-path", path] }
        for setting in set { arguments += ["--set", setting] }
        return arguments
    }

    /// Arguments as they are typed in a shell.
    static func shell(_ arguments: [String]) -> String {
        arguments.map { argument in
            let isPlain =
                !argument.isEmpty
                && argument.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                        || "_-./:=,+@%".utf8.contains(byte)
                }
            return isPlain
                ? argument : "'" + argument.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
        }.joined(separator: " ")
    }
}
