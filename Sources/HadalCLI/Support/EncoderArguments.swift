import ArgumentParser
import Hadal
import HadalCore
import HadalEngine
import HadalFormats

/// What `embed` and `rerank` read and write in the same way.
struct EncoderArguments: ParsableArguments {
    @Flag(help: "Read JSON lines from stdin.")
    var jsonl = false
    @Option(help: ArgumentHelp("Token ids instead of text, special tokens included: 1,2,3 or @FILE.", valueName: "ids"))
    var tokens: TokenList?
    @Option(
        name: .customLong("token-types"),
        help: ArgumentHelp("Token types of --tokens, one for each, such as 0 for the first text and 1 for the second.", valueName: "types"))
    var tokenTypes: TokenList?
    @Option(name: .shortAndLong, help: ArgumentHelp("Safetensors file to write.", valueName: "file"))
    var output: String?
    @Flag(help: "Also write the hidden state after every layer (with -o).")
    var hidden = false
    @Flag(help: "Print JSON.")
    var json = false

    /// - Parameters:
    ///   - alternatives: ways of giving the text that are the command's own and were used.
    ///   - name: how they are called.
    func validate(alternatives: Int, _ name: String) throws {
        guard alternatives + (jsonl ? 1 : 0) + (tokens == nil ? 0 : 1) <= 1 else {
            throw ValidationError("Give one of \(name), --jsonl and --tokens.")
        }
        if tokenTypes != nil, tokens == nil { throw ValidationError("--token-types requires --tokens.") }
        if hidden, output == nil { throw ValidationError("--hidden requires -o FILE.") }
        if json, output != nil { throw ValidationError("--json prints, -o writes a file: give one of them.") }
    }

    func load(_ model: ModelOptions, exact: Bool = false) throws -> Engine {
        if let output { try OutputFile.check(output) }
        let options = try model.engineOptions(observe: hidden ? .hidden : .none, exact: exact)
        return try Engine(path: try ModelStore.resolve(model.model), options: options)
    }

    func write(_ tensors: [NamedTensor]) throws {
        guard let output else { return }
        try SafetensorsWriter.write(to: output, tensors: tensors.map(\.source))
    }
}
