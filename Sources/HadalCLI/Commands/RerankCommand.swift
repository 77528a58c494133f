import ArgumentParser
import Hadal
import HadalCore
import HadalEngine

struct RerankCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rerank", abstract: "Score how well documents fit a query, and list the best first.",
        discussion: """
            The model is a cross-encoder, or a decoder whose prompt for this is known (Qwen3-Reranker). A score is a raw logit: larger is better, and it has no \
            bounds. With --jsonl reads documents as rows {"text"} from stdin. The file of -o holds f32 `score`, one for each document in their order; with \
            --tokens and --hidden also `hidden.*`.
            """)

    @OptionGroup var model: ModelOptions
    @Option(name: .shortAndLong, help: "Query that the documents are scored for.")
    var query: String?
    @Option(name: [.customShort("d"), .customLong("document")], help: "Document; may be given several times.")
    var documents: [String] = []
    @OptionGroup var input: EncoderArguments
    @Option(help: "What is looked for, for models that are told. Default: what the model's publisher gives.")
    var instruction: String?

    func validate() throws {
        try input.validate(alternatives: documents.isEmpty ? 0 : 1, "-d")
        if input.tokens != nil, query != nil || instruction != nil {
            throw ValidationError("--tokens holds the query and the document: give no -q or --instruction.")
        }
        if input.tokens == nil, query == nil { throw ValidationError("Give -q QUERY.") }
        if input.tokens == nil, !input.jsonl, documents.isEmpty { throw ValidationError("Give -d TEXT, --jsonl or --tokens.") }
        if input.hidden, input.tokens == nil { throw ValidationError("--hidden requires --tokens.") }
    }

    func run() throws {
        let engine = try input.load(model, exact: true)
        if let tokens = input.tokens {
            let encoded = EncoderInput(tokens: tokens.ids, tokenTypes: input.tokenTypes?.ids ?? [], isTruncated: false)
            var tensors = try engine.encodeObserving(encoded)
            let score = engine.score(tensors[0].values)
            tensors[0] = NamedTensor(name: "score", shape: [1], values: [score])
            return input.output != nil ? try input.write(tensors) : show([score], [""])
        }
        var texts = documents
        if input.jsonl {
            var rows = TextRows()
            while let text = try rows.next() { texts.append(text) }
        }
        let scores = try engine.rerank(query ?? "", texts, instruction: instruction)
        if input.output != nil { return try input.write([NamedTensor(name: "score", shape: [scores.count], values: scores)]) }
        show(scores, texts)
    }

    private func show(_ scores: [Float], _ texts: [String]) {
        let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
        if input.json {
            let rows = order.map { JSON(.object(JSONObject([("index", JSON(.int(Int64($0)))), ("score", JSON(scores[$0]))]))) }
            return Terminal.line(JSON(.array(rows)).text())
        }
        for index in order {
            let text = texts[index].split(whereSeparator: \.isNewline).joined(separator: " ")
            Terminal.line("\(scores[index])" + (text.isEmpty ? "" : "\t\(index)\t\(text.prefix(100))"))
        }
    }
}
