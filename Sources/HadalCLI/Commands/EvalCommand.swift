import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalEngine

struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Measure how well a model predicts a text, or how far its predictions diverge from another model's.",
        subcommands: [PerplexityCommand.self, KLCommand.self])
}

/// The text to be scored and how it is cut.
struct EvaluationText: ParsableArguments {
    @Option(name: [.customShort("f"), .long], help: ArgumentHelp("Text file, UTF-8; - for stdin.", valueName: "file"))
    var file: String?
    @Option(help: ArgumentHelp("Token ids instead of a text, without BOS: 1,2,3 or @FILE.", valueName: "ids"))
    var tokens: TokenList?
    @Option(
        help: ArgumentHelp(
            "Number of tokens from the start of one window to the start of the next. Default: half of --context.", valueName: "tokens"),
        transform: NumberOption.integer(1...))
    var stride: Int?
    @Flag(name: .customLong("no-bos"), help: "Do not put BOS in front of windows, even if the model requires it.")
    var noBOS = false

    func validate() throws {
        guard (file == nil) != (tokens == nil) else { throw ValidationError("Give -f FILE or --tokens IDS.") }
    }

    func ids(_ engine: Engine) throws -> [Int32] {
        if let tokens { return tokens.ids }
        let path = file ?? "-"
        let data: Data
        do {
            data = path == "-" ? FileHandle.standardInput.readDataToEndOfFile() : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch { throw HadalError(.io, "cannot read the text", at: SourcePlace(path)) }
        guard let text = String(data: data, encoding: .utf8) else {
            throw HadalError(.malformed, "the text is not UTF-8", at: SourcePlace(path))
        }
        return try engine.encodeText(text)
    }

    /// A text that fits one window is one window.
    func windows(_ engine: Engine) throws -> EvaluationWindows {
        let bos = noBOS ? nil : engine.evaluationBOS
        return try EvaluationWindows(context: engine.contextLength, stride: stride ?? max(1, engine.contextLength / 2), bos: bos)
    }
}

struct PerplexityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity", abstract: "Measure the perplexity of a text: exp of the mean negative log-likelihood of its tokens.",
        discussion: """
            A text longer than --context (default: 2048, or the model's if that is less) is cut into windows that start --stride tokens apart. \
            Each window scores the tokens that the ones before it did not hold, so that every token is scored once; the first token of the text is \
            scored only after a BOS. Perplexities are comparable only with the same text, tokenizer, context and stride.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var text: EvaluationText
    @Flag(help: "Print JSON.")
    var json = false
    @Flag(help: "With --json: also print the negative log-likelihood of every scored token.")
    var nll = false

    func run() throws {
        let engine = try Engine.forEvaluation(
            path: try ModelStore.resolve(model.model), options: try model.engineOptions(exact: true), context: model.context)
        let tokens = try text.ids(engine)
        let windows = try text.windows(engine)
        let progress = Progress("perplexity")
        let result = try engine.perplexity(of: tokens, windows: windows) { progress.update($0) }
        progress.finish()
        if json {
            var object = result.json.object ?? JSONObject()
            if nll { object["nll"] = JSON(.array(result.nll.map { JSON(.double(Double($0))) })) }
            return Terminal.json(JSON(.object(object)))
        }
        Terminal.line(
            Terminal.table([
                ["perplexity", Self.text(result.perplexity, result.perplexityError)],
                ["mean NLL", Self.text(result.meanNLL, result.standardError) + " nats"],
                [
                    "tokens",
                    "\(result.tokens), \(result.scoredTokens) scored, context \(windows.context), stride \(windows.stride)\(windows.bos == nil ? "" : ", with BOS")",
                ],
            ]))
    }

    static func text(_ value: Double, _ error: Double?) -> String {
        Terminal.number(value, 4) + (error.map { " ± " + Terminal.number($0, 4) } ?? "")
    }
}

struct KLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kl", abstract: "Measure how far a model's predictions of a text diverge from a reference's: KL(reference ‖ model).",
        discussion: """
            The reference is another model with the same vocabulary (--against original.gguf), the same model on another backend \
            (--against-backend reference) or with another cache (--against-cache-type f32), or logits computed before (--against LOGITS.safetensors, from hadal logits, for a text of one \
            window). The loss from quantising: hadal eval kl quantised.gguf --against original.gguf -f text.txt. Windows are those of hadal eval perplexity.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var text: EvaluationText
    @Option(
        help: ArgumentHelp(
            "The reference: a model, or a safetensors file with `logits`. Default: the model itself.", valueName: "model|file"))
    var against: String?
    @Option(name: .customLong("against-backend"), help: ArgumentHelp("The reference's backend. Default: the model's.", valueName: "name"))
    var againstBackend: String?
    @Option(
        name: .customLong("against-cache-type"),
        help: ArgumentHelp("Element type of the reference's KV cache. Default: the model's.", valueName: "type"))
    var againstCacheType: CacheType?
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard against != nil || againstBackend != nil || againstCacheType != nil else {
            throw ValidationError("Give --against, --against-backend or --against-cache-type.")
        }
        if isLogits, againstBackend != nil || againstCacheType != nil {
            throw ValidationError("--against-backend and --against-cache-type need a model to run, not logits.")
        }
    }

    private var isLogits: Bool { against?.hasSuffix(".safetensors") ?? false }

    func run() throws {
        let path = try ModelStore.resolve(model.model)
        var options = try model.engineOptions(exact: true)
        if againstBackend != nil, options.placement == nil { options.settings = Self.settings(options.settings, of: options.backend) }
        let engine = try Engine.forEvaluation(path: path, options: options, context: model.context)
        let tokens = try text.ids(engine)
        let windows = try text.windows(engine)
        let progress = Progress("kl")
        let result = try engine.divergence(from: try reference(engine, path, tokens), of: tokens, windows: windows) { progress.update($0) }
        progress.finish()
        if json { return Terminal.json(result.json) }
        func number(_ value: Double) -> String { Terminal.number(value, 6) }
        Terminal.line(
            Terminal.table([
                ["mean KL", number(result.mean) + (result.standardError.map { " ± " + number($0) } ?? "") + " nats"],
                [
                    "median, 95 %, 99 %, largest",
                    [result.median, result.percentile95, result.percentile99, result.maximum].map(number).joined(separator: ", "),
                ],
                ["same most likely token", Terminal.number(100 * result.agreement, 2) + " %"],
                ["mean NLL", "\(Terminal.number(result.meanNLL, 4)), reference \(Terminal.number(result.referenceMeanNLL, 4)) nats"],
                [
                    "tokens",
                    "\(result.tokens), \(result.scoredTokens) scored, context \(windows.context), stride \(windows.stride)\(windows.bos == nil ? "" : ", with BOS")",
                ],
            ]))
    }

    private func reference(_ engine: Engine, _ path: String, _ tokens: [Int32]) throws -> Engine.DivergenceReference {
        if isLogits, let against { return .logits(try LogitsFile(path: against)) }
        var options = try model.engineOptions(exact: true)
        if let againstCacheType { options.cacheDType = againstCacheType.dtype ?? .f32 }
        if against != nil { options.architecture = nil }
        if let againstBackend {
            options.backend = againstBackend
            options.placement = nil
            options.settings = Self.settings(try model.engineOptions().settings, of: againstBackend)
        }
        let other = try Engine.forEvaluation(
            path: try against.map { try ModelStore.resolve($0) } ?? path, options: options, context: engine.contextLength)
        // Same ids must mean the same text.
        if text.tokens == nil, other.tokenizer != nil, try text.file == "-" ? false : text.ids(other) != tokens {
            throw HadalError(.mismatch, "the two models cut the text into different tokens", at: SourcePlace(against ?? path))
        }
        return .engine(other)
    }

    /// Of `--set` what is meant for one backend.
    private static func settings(_ all: [String: String], of backend: String) -> [String: String] {
        all.filter { $0.key.hasPrefix("\(backend.prefix { $0 != ":" }).") }
    }
}
