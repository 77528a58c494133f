import ArgumentParser
import Hadal
import HadalCore
import HadalEngine
import HadalFormats

struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Convert texts to embeddings: vectors that are near each other where texts are alike.",
        discussion: """
            Without -o the numbers of the embedding are written to stdout, one a line. Without -p, --jsonl or --tokens the text is read from stdin. \
            With --jsonl reads rows {"text"} from stdin and writes rows {"embedding", "tokens", "truncated"}. The file of -o holds f32 `embedding` [d]; with \
            --hidden also `hidden.embed`, `hidden.N` and `hidden.last` [T, d].
            """)

    @OptionGroup var model: ModelOptions
    @Option(name: [.customShort("p"), .customLong("text")], help: "Text to embed.")
    var text: String?
    @OptionGroup var input: EncoderArguments
    @Option(
        name: .customLong("prompt"),
        help: ArgumentHelp(
            "Put this prompt of config_sentence_transformers.json before each text. Default: the one that the file names.",
            valueName: "name"))
    var promptName: String?
    @Option(
        help: ArgumentHelp("Keep this many elements of an embedding and normalise them again.", valueName: "n"),
        transform: NumberOption.integer(1...))
    var dimensions: Int?

    func validate() throws {
        try input.validate(alternatives: text == nil ? 0 : 1, "-p")
        if input.tokens != nil, promptName != nil { throw ValidationError("--prompt goes before texts, not before --tokens.") }
        if input.hidden, dimensions != nil { throw ValidationError("--hidden and --dimensions cannot be combined.") }
    }

    func run() throws {
        let engine = try input.load(model)
        if input.jsonl {
            _ = try engine.embeddingInputs([], prompt: promptName)
            let rows = try EncoderRows { [promptName] in try engine.embeddingInputs([$0], prompt: promptName)[0] }
            while let inputs = try rows.next() {
                for embedding in try engine.embed(inputs, dimensions: dimensions) { Terminal.line(Self.json(embedding).text()) }
            }
            return
        }
        let encoded =
            try input.tokens.map { EncoderInput(tokens: $0.ids, tokenTypes: input.tokenTypes?.ids ?? [], isTruncated: false) }
            ?? engine.embeddingInputs([text ?? InputText.prompt()], prompt: promptName)[0]
        if input.hidden { return try input.write(engine.encodeObserving(encoded)) }
        let embedding = try engine.embed([encoded], dimensions: dimensions)[0]
        if input.output != nil {
            return try input.write([NamedTensor(name: "embedding", shape: [embedding.values.count], values: embedding.values)])
        }
        input.json ? Terminal.line(Self.json(embedding).text()) : Terminal.line(embedding.values.map { "\($0)" }.joined(separator: "\n"))
    }

    private static func json(_ embedding: TextEmbedding) -> JSON {
        JSON(
            .object(
                JSONObject([
                    ("embedding", JSON(.array(embedding.values.map { JSON($0) }))),
                    ("tokens", JSON(.int(Int64(embedding.tokenCount)))), ("truncated", JSON(.bool(embedding.isTruncated))),
                ])))
    }
}
