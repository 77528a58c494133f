import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalFormats

struct LogitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logits", abstract: "Write the logits of every token of a sequence as safetensors.",
        discussion:
            "The file holds f32 `logits` [T, vocab]; with --hidden also `hidden.embed`, `hidden.N` and `hidden.norm` [T, d]; with --mtp also `mtp_logits` [T - 1, vocab], if the model has a layer that predicts the token after the next."
    )

    @OptionGroup var model: ModelOptions
    @Option(help: ArgumentHelp("Token ids: 1,2,3 or @FILE.", valueName: "ids"))
    var tokens: TokenList
    @Option(name: .shortAndLong, help: ArgumentHelp("File to write.", valueName: "file"))
    var output: String
    @Flag(help: "Also write the hidden state after every layer.")
    var hidden = false
    @Flag(help: "Also write the logits of the model's multi-token prediction layer.")
    var mtp = false

    func run() throws {
        try OutputFile.check(output)
        var options = try model.engineOptions(observe: hidden ? .hidden : .allLogits, exact: true)
        options.predictsNext = mtp
        let engine = try Engine(path: try ModelStore.resolve(model.model), options: options)
        let tensors = try engine.evaluate(tokens.ids)
        try SafetensorsWriter.write(to: output, tensors: tensors.map(\.source))
    }
}

struct GenerateIDsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate-ids", abstract: "Print greedy token ids as a JSON array.",
        discussion: "Does not stop at end-of-text ids.")

    @OptionGroup var model: ModelOptions
    @Option(help: ArgumentHelp("Token ids: 1,2,3 or @FILE.", valueName: "ids"))
    var tokens: TokenList
    @Option(name: .short, help: ArgumentHelp("Number of ids to generate.", valueName: "n"), reading: NumberOption.integer(0...))
    var n = 16
    @OptionGroup var speculation: SpeculationArguments

    func run() throws {
        let engine = try model.load(speculation, exact: true)
        let session = engine.makeSession()
        try session.append(tokens.ids)
        var options = GenerationOptions()
        options.sampling = .greedy
        options.sampling.suppressed = engine.recommendation.options.sampling.suppressed
        options.maxTokens = n
        options.ignoreEndOfText = true
        var ids: [Int32] = []
        let summary = try session.generateTokens(options) { token in
            ids.append(token)
            return .continue
        }
        Terminal.line(JSON(.array(ids.map { JSON(.int(Int64($0))) })).text())
        if summary.reason == .contextFull {
            throw HadalError(
                .contextFull, "the context of \(session.contextLength) tokens is full after \(ids.count) ids", hint: "raise --context")
        }
    }
}

struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Convert text to token ids and back.",
        discussion: """
            With --jsonl reads rows {"text", "parse_special"} from stdin and writes rows {"ids"}.
            Without --text, --ids or --jsonl the text is read from stdin.
            """)

    @Argument(help: ArgumentHelp("A model, a tokenizer.json, or a GGUF file with a vocabulary.", valueName: "model"))
    var model: String
    @Option(help: "Text to tokenize.")
    var text: String?
    @Option(help: ArgumentHelp("Token ids to convert to text: 1,2,3 or @FILE.", valueName: "ids"))
    var ids: TokenList?
    @Flag(help: "Read and write JSON lines on stdin and stdout.")
    var jsonl = false
    @Flag(name: .customLong("no-special"), help: "Treat special tokens in the text as plain text.")
    var noSpecial = false
    @Flag(name: .customLong("add-bos"), help: "Add the BOS/EOS tokens that prompts of this model use.")
    var addBOS = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let tokenizer = try Tokenizer.load(try ModelStore.resolve(model))
        if jsonl { return try runRows(tokenizer) }
        if let ids {
            let text = try tokenizer.decode(ids.ids)
            json ? Terminal.json(["text": JSON(.string(text))]) : Terminal.line(text)
            return
        }
        let source = text ?? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
        var result = try tokenizer.encode(source, parseSpecial: !noSpecial)
        if addBOS { result = tokenizer.withBoundaryTokens(result) }
        if json {
            let pieces = try result.map { JSON(.string(String(decoding: try tokenizer.tokenBytes($0), as: UTF8.self))) }
            Terminal.json(["ids": Self.array(result), "pieces": JSON(.array(pieces))])
        } else {
            Terminal.line(result.map(String.init).joined(separator: ","))
        }
    }

    private static func array(_ ids: [Int32]) -> JSON { JSON(.array(ids.map { JSON(.int(Int64($0))) })) }

    private func runRows(_ tokenizer: Tokenizer) throws {
        var number = 0
        while let row = readLine() {
            number += 1
            guard !row.isEmpty else { continue }
            let document = try JSONDocument(parsing: InputText.withoutMark(row), file: "row \(number)")
            guard let text = document.root["text"]?.string else {
                throw HadalError(.malformed, "a row requires \"text\"", at: SourcePlace("row \(number)"))
            }
            let special = document.root["parse_special"]?.bool ?? !noSpecial
            Terminal.line(JSON(.object(JSONObject([("ids", Self.array(try tokenizer.encode(text, parseSpecial: special)))]))).text())
        }
    }
}
