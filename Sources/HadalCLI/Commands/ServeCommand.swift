import ArgumentParser
import Dispatch
import Foundation
import Hadal
import HadalCore
import HadalHistory
import HadalSandbox
import HadalServer
import HadalServing

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve models over HTTP to clients of the OpenAI, Anthropic and Ollama interfaces.",
        discussion: """
            MODEL is a GGUF file, a Hugging Face directory or a catalogue name; ALIAS=MODEL gives it another name. The first answers requests that name
            none. docs/server.md lists the routes.

            Each option can also be set by a variable (HADAL_SERVE_PORT is --port, HADAL_SERVE_MODELS the models; values of lists are separated by
            commas) and in the file that --config names. The command line counts first, then variables, then the file.
            """)

    @Argument(help: ArgumentHelp("Models to serve: MODEL, or ALIAS=MODEL.", valueName: "model"))
    var models: [String] = []

    @Option(
        help: ArgumentHelp(
            "JSON file with options: keys are their names without dashes, \"models\" is the list of models.", valueName: "file"))
    var config: String?

    @Flag(help: "Serve every model of the store as well.")
    var store = false

    @OptionGroup var engine: EngineArguments
    @OptionGroup var speculation: SpeculationArguments
    @OptionGroup var cache: DiskCacheArguments
    @OptionGroup var offline: OfflineArguments

    @Option(help: ArgumentHelp("Address to listen on.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Port to listen on; 0: any that is free.", valueName: "n"),
        reading: NumberOption.integer(0...65535))
    var port = 8080

    @Option(
        name: .customLong("api-key-file"),
        help: ArgumentHelp(
            "File with the keys that clients must send, one on each line: KEY, or NAME:KEY. Only its owner may be able to read it.",
            valueName: "file"))
    var keyFile: String?

    @Flag(help: "Allow an address other than loopback without keys: everybody who reaches it can use the models.")
    var insecure = false

    @Option(
        name: .customLong("allow-host"),
        help: ArgumentHelp(
            "Another name by which the server may be called, e.g. that of a proxy; may be given several times.", valueName: "name"))
    var hosts: [String] = []

    @Option(
        name: .customLong("allow-origin"),
        help: ArgumentHelp(
            "Origin of web pages that may call the server, e.g. https://example.org; may be given several times.", valueName: "origin"))
    var origins: [String] = []

    @Flag(name: .customLong("any-model"), help: "Answer requests for a model that is not served with the first model.")
    var anyModel = false

    @Option(
        help: ArgumentHelp("Unload a model after so long without a request, e.g. 10m; 0: never.", valueName: "time"),
        transform: DurationOption.read)
    var idle: Duration = .seconds(600)

    @Option(
        help: ArgumentHelp("Time for answers to end after SIGTERM, e.g. 30s. A second signal ends the server at once.", valueName: "time"),
        transform: DurationOption.read)
    var drain: Duration = .seconds(30)

    @Option(
        name: .customLong("max-tokens"), help: ArgumentHelp("Maximum number of tokens of any answer.", valueName: "n"),
        transform: NumberOption.integer(1...))
    var maxTokens: Int?

    @Option(
        name: .customLong("max-body"), help: ArgumentHelp("Maximum size of a request.", valueName: "bytes"),
        transform: NumberOption.bytes(atLeast: 1))
    var maxBody = ByteCount(bytes: 32 << 20)

    @Option(
        help: ArgumentHelp("Maximum time of an answer, e.g. 10m, after which it ends with what it has; 0: no limit.", valueName: "time"),
        transform: DurationOption.read)
    var timeout: Duration = .zero

    @Option(
        help: ArgumentHelp(
            "Maximum time for which a client may leave what it is sent unread, e.g. 30s, before its request is given up.", valueName: "time"
        ),
        transform: DurationOption.read)
    var stall: Duration = .seconds(30)

    @Option(
        name: .customLong("queue"), help: ArgumentHelp("Maximum number of requests that wait.", valueName: "n"),
        reading: NumberOption.integer(1...))
    var queue = 256

    @Option(
        name: .customLong("parallel"), help: ArgumentHelp("Maximum number of answers at once, of each model.", valueName: "n"),
        reading: NumberOption.integer(1...256))
    var parallel = 8

    @Flag(name: .customLong("no-page"), help: "Serve no chat page, and open no history.")
    var noPage = false

    @Option(
        help: ArgumentHelp(
            "Directory of the chat page's conversations. Default: HADAL_HISTORY, else hadal/history in the user's data directory.",
            valueName: "dir"))
    var history: String?

    @Option(
        name: .customLong("history-passphrase-file"),
        help: ArgumentHelp("File whose one line is the passphrase of the history, to unlock it at the start.", valueName: "file"))
    var passphraseFile: String?

    func validate() throws {
        if noPage, history != nil || passphraseFile != nil { throw ValidationError("--no-page has no history.") }
        if models.isEmpty, !store { throw ValidationError("Give a model to serve, or --store.") }
    }

    func run() throws {
        var options = ServerOptions()
        options.models = try served()
        options.engine = try engine.options()
        options.engine.speculation = try speculation.options()
        options.engine.batchSequences = parallel
        cache.set(&options.engine)
        options.scheduler.queueLimit = queue
        (options.host, options.port) = (host, port)
        options.keys = try keyFile.map(KeyFile.read) ?? []
        guard isLoopback || !options.keys.isEmpty || insecure else {
            throw HadalError(
                .invalidArgument, "\(host) is reached from other machines, and no key is required of them",
                hint: "give --api-key-file FILE, or --insecure")
        }
        (options.allowedHosts, options.allowedOrigins) = (hosts, origins)
        options.takesAnyModelName = anyModel
        options.idle = idle == .zero ? nil : idle
        options.drain = drain
        options.limits.maxTokens = maxTokens
        options.limits.bodyBytes = maxBody.bytes
        options.limits.stall = max(stall, .milliseconds(100))
        options.limits.answerTime = timeout == .zero ? nil : timeout
        options.log = LogSink { level, message in if level >= .warning || engine.search.verbose { Terminal.note("\(level): \(message)") } }
        // Answers of others are in this process's memory.
        try MemoryDumps.forbid()
        if !noPage {
            options.history = try history ?? History.defaultDirectory()
            options.historyPassphrase = try passphraseFile.map { try History.passphrase(inFile: $0) }
        }
        if offline.isOn {
            let written = try restrictWriting(history: options.history)
            let (offline, log) = (offline, options.log)
            options.seal = {
                let listeners = try NetworkSeal.openListeners()
                guard listeners.count == 1 else {
                    throw HadalError(
                        .unsupported, "\(listeners.count) sockets listen, and only the server's own may",
                        hint: "start it without inherited sockets")
                }
                let report = try offline.enforce(keeping: listeners, log: log)
                return ["sealed": true, "checks": report?.json["checks"] ?? [], "writing": written.json]
            }
        }
        let server = try ModelServer(options)
        let (page, host, names) = (!noPage, host.contains(":") ? "[\(host)]" : host, options.models.map(\.name))
        try Waiting.run {
            try await server.run { port in
                Terminal.note("serving \(names.joined(separator: ", "))")
                Terminal.line("http://\(host):\(port)/" + (page ? "#token=\(server.token)" : ""))
                StandardStream.finish()
            }
        }
    }

    /// Before threads begin, which are not bound otherwise.
    private func restrictWriting(history: String?) throws -> WriteRestriction.Outcome {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? "/"
        let caches = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(home)/.cache"
        let wanted = [history, cache.directory, "\(caches)/hadal", environment["TMPDIR"] ?? "/tmp"].compactMap { $0 }
        // One that cannot be made, on a disk that is read-only, cannot be written to either.
        let directories = wanted.filter { (try? WholeFile.makeDirectories($0, for: .owner)) != nil }
        let outcome = try WriteRestriction(directories: directories).enforce()
        engine.search.log.write(.info, outcome.line)
        return outcome
    }

    private var isLoopback: Bool { ["127.0.0.1", "::1", "localhost"].contains(host) || host.hasPrefix("127.") }

    private func served() throws -> [ServedModel] {
        var list = try models.map { text -> ServedModel in
            // A path may hold the sign as well.
            if let split = text.firstIndex(of: "="), !text[..<split].contains("/"), !FileManager.default.fileExists(atPath: text) {
                let (alias, model) = (String(text[..<split]), String(text[text.index(after: split)...]))
                guard !alias.isEmpty, !model.isEmpty else { throw ValidationError("ALIAS=MODEL requires both, not '\(text)'.") }
                return ServedModel(name: alias, path: try ModelStore.resolve(model))
            }
            return ServedModel(name: Self.name(text), path: try ModelStore.resolve(text))
        }
        guard store else { return list }
        for model in try ModelStore().list().installed {
            guard let path = model.path, !list.contains(where: { $0.name == model.name }) else { continue }
            list.append(ServedModel(name: model.name, path: path))
        }
        guard !list.isEmpty else { throw HadalError(.notFound, "the model store is empty", hint: [.text("hadal pull fetches a model")]) }
        return list
    }

    /// The last part of a path, without the ending of its kind.
    private static func name(_ model: String) -> String {
        let last = model.split(separator: "/").last.map(String.init) ?? model
        return last.hasSuffix(".gguf") ? String(last.dropLast(".gguf".count)) : last
    }
}
