import Foundation
import Hadal
import HadalCore

/// Texts as vectors: OpenAI's `/v1/embeddings` and Ollama's `/api/embed` and `/api/embeddings`.
struct Embeddings: Sendable {
    static let table = FieldTable(
        honoured: ["model", "input", "encoding_format", "dimensions", "prompt_name"], harmless: ["user"], refused: [])
    static let ollama = FieldTable(
        honoured: ["model", "input", "dimensions", "truncate"], harmless: ["keep_alive", "options"], refused: [])
    static let older = FieldTable(honoured: ["model", "prompt"], harmless: ["keep_alive", "options"], refused: [])

    enum Input: Sendable {
        case texts([String])
        case tokens([[Int32]])
    }

    enum Form: Sendable { case floats, base64, ollama, older }

    /// Texts of one request.
    private static let mostTexts = 2048

    var model: String?
    var input: Input
    var form: Form
    var dimensions: Int?
    var promptName: String?
    /// false: a text that is too long is refused.
    var truncates = true
    var ignoredFields: [String] = []

    init(_ document: JSONDocument) throws {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(Self.table)
        let format = try fields.string("encoding_format") ?? "float"
        guard ["float", "base64"].contains(format) else {
            throw fields.fail("encoding_format", "must be float or base64, not '\(format.prefix(40))'")
        }
        model = try fields.string("model")
        input = try Self.input(fields)
        form = format == "base64" ? .base64 : .floats
        dimensions = try fields.integer("dimensions", in: 1 ... .max)
        promptName = try fields.string("prompt_name")
        ignoredFields = fields.ignored
    }

    init(ollama document: JSONDocument) throws {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(Self.ollama)
        model = try fields.string("model")
        form = .ollama
        // Without texts the model is loaded.
        input = .texts(try fields.strings("input", most: Self.mostTexts) ?? [])
        dimensions = try fields.integer("dimensions", in: 1 ... .max)
        truncates = try fields.bool("truncate") ?? true
        ignoredFields = fields.ignored
    }

    init(older document: JSONDocument) throws {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(Self.older)
        model = try fields.string("model")
        form = .older
        input = .texts(try fields.string("prompt").map { [$0] } ?? [])
        ignoredFields = fields.ignored
    }

    /// A string, strings, token ids, or lists of token ids.
    private static func input(_ fields: FieldReader) throws -> Input {
        guard let value = fields.value("input") else { throw fields.fail("input", "is required") }
        if let list = value.array, let first = list.first, first.string == nil {
            guard first.array != nil else { return .tokens([try Completions.ids(list, field: "input")]) }
            guard list.count <= mostTexts else { throw fields.fail("input", "must have at most \(mostTexts) items, not \(list.count)") }
            return .tokens(
                try list.enumerated().map { index, item in
                    guard let ids = item.array else { throw APIError.invalid("must be an array of token ids", field: "input[\(index)]") }
                    return try Completions.ids(ids, field: "input[\(index)]")
                })
        }
        let texts = try fields.strings("input", most: mostTexts) ?? []
        guard !texts.isEmpty else { throw fields.fail("input", "must not be empty") }
        return .texts(texts)
    }

    /// - Parameter name: what the answer calls the model.
    func answer(_ engine: Engine, name: String) async throws -> (json: JSON, tokens: Int) {
        let start = ContinuousClock.now
        let inputs: [EncoderInput] =
            switch input {
            case .texts(let texts): try await engine.perform { try engine.embeddingInputs(texts, prompt: promptName) }
            case .tokens(let lists): lists.map { EncoderInput(tokens: $0, tokenTypes: [], isTruncated: false) }
            }
        if !truncates, let index = inputs.firstIndex(where: \.isTruncated) {
            throw APIError(
                .contextFull, "the text is longer than the \(inputs[index].tokens.count) tokens that the model takes",
                field: "input[\(index)]")
        }
        let embeddings = try await engine.embed(inputs, dimensions: dimensions)
        let tokens = embeddings.reduce(0) { $0 + $1.tokenCount }
        func vector(_ embedding: TextEmbedding) -> JSON { JSON(.array(embedding.values.map { JSON($0) })) }
        switch form {
        case .floats, .base64:
            let data = embeddings.enumerated().map { index, embedding -> JSON in
                let numbers = form == .base64 ? JSON.text(Self.base64(embedding.values)) : vector(embedding)
                return .members([("object", "embedding"), ("index", .number(index)), ("embedding", numbers)])
            }
            let usage: JSON = ["prompt_tokens": .number(tokens), "total_tokens": .number(tokens)]
            return (.members([("object", "list"), ("data", JSON(.array(data))), ("model", .text(name)), ("usage", usage)]), tokens)
        case .ollama:
            let nanoseconds = Int((ContinuousClock.now - start).seconds * 1e9)
            return (
                .members([
                    ("model", .text(name)), ("embeddings", JSON(.array(embeddings.map(vector)))), ("total_duration", .number(nanoseconds)),
                    ("load_duration", 0), ("prompt_eval_count", .number(tokens)),
                ]), tokens
            )
        case .older: return (["embedding": embeddings.first.map(vector) ?? []], tokens)
        }
    }

    /// Little-endian float32 numbers, as OpenAI's clients read them.
    private static func base64(_ values: [Float]) -> String {
        var bytes = Data(capacity: values.count * 4)
        for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
        return bytes.base64EncodedString()
    }
}

/// `/v1/rerank`, as Jina's, Cohere's and llama.cpp's servers have it.
struct Reranking: Sendable {
    static let table = FieldTable(
        honoured: ["model", "query", "documents", "top_n", "return_documents", "instruction"],
        harmless: ["max_tokens_per_doc", "max_chunks_per_doc", "rank_fields", "user"],
        refused: [])
    private static let mostDocuments = 2048

    var model: String?
    var query: String
    var documents: [String]
    var most: Int?
    var returnsDocuments: Bool
    var instruction: String?
    var ignoredFields: [String]

    init(_ document: JSONDocument) throws {
        var fields = try FieldReader(document.root, in: document)
        try fields.check(Self.table)
        model = try fields.string("model")
        query = try fields.requiredString("query")
        let list = try fields.requiredArray("documents")
        guard (1...Self.mostDocuments).contains(list.count) else {
            throw fields.fail("documents", "must have from 1 to \(Self.mostDocuments) items, not \(list.count)")
        }
        documents = try list.enumerated().map { index, item in
            guard let text = item.string ?? item["text"]?.string else {
                throw APIError.invalid("must be a string or an object with \"text\"", field: "documents[\(index)]")
            }
            return text
        }
        most = try fields.integer("top_n", in: 1 ... .max)
        returnsDocuments = try fields.bool("return_documents") ?? false
        instruction = try fields.string("instruction")
        ignoredFields = fields.ignored
    }

    func answer(_ engine: Engine, name: String) async throws -> JSON {
        let scores = try await engine.rerank(query, documents, instruction: instruction)
        let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }.prefix(most ?? .max)
        let results: [JSON] = order.map { index in
            .members([
                ("index", .number(index)), ("relevance_score", JSON(Float(1 / (1 + exp(-Double(scores[index])))))),
                ("score", JSON(scores[index])),
                ("document", returnsDocuments ? ["text": .text(documents[index])] : nil),
            ])
        }
        return .members([("object", "list"), ("model", .text(name)), ("results", JSON(.array(results)))])
    }
}
