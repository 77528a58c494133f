import HadalArchitecture
public import HadalCore
import HadalFormats
public import HadalText

extension Engine {
    /// Elements of the embeddings that the model gives; nil for a model that gives none.
    public var embeddingWidth: Int? { model.result == .embedding ? resultWidth : nil }

    /// Whether `rerank` works with this model: it scores pairs of texts, or is a decoder whose prompt for that is known.
    public var canRerank: Bool { model.result == .score || model.result == .logits && model.description.graph.rerankPrompt != nil }

    /// Names of the prompts that the model's files have for texts of a kind, such as "query".
    public var embeddingPrompts: [String] { sentences.prompts.map(\.name) }

    /// Texts as vectors, in their order. What a text gives does not depend on the others but for the last bits.
    ///
    /// Blocks the calling thread; in asynchronous code the other form is chosen.
    /// - Parameters:
    ///   - prompt: the name of the prompt that goes before each text; nil: the one that the model's files name, if any.
    ///   - dimensions: elements of a vector, for a model that was trained to be cut (Matryoshka): the first ones, normalised again. nil: all.
    /// - Throws: `unsupported` for a model that gives no embeddings; `notFound` for an unknown prompt or a model without a tokenizer;
    ///   `invalidArgument` for more dimensions than there are.
    public func embed(_ texts: [String], prompt: String? = nil, dimensions: Int? = nil) throws -> [TextEmbedding] {
        try embed(try embeddingInputs(texts, prompt: prompt), dimensions: dimensions)
    }

    /// The same of tokens: special ones are among them, none is added.
    public func embed(_ inputs: [EncoderInput], dimensions: Int? = nil) throws -> [TextEmbedding] {
        try checkEmbedding(dimensions)
        return zip(inputs, try encode(inputs)).map { TextEmbedding($0, $1, dimensions) }
    }

    /// The same without holding a thread: steps run on the engine's. Others take turns with them.
    ///
    /// - Throws: also `cancelled` when the task is cancelled.
    public func embed(_ texts: [String], prompt: String? = nil, dimensions: Int? = nil) async throws -> [TextEmbedding] {
        let inputs = try await thread.run { try self.embeddingInputs(texts, prompt: prompt) }
        return try await embed(inputs, dimensions: dimensions)
    }

    /// The same of tokens.
    public func embed(_ inputs: [EncoderInput], dimensions: Int? = nil) async throws -> [TextEmbedding] {
        try checkEmbedding(dimensions)
        return zip(inputs, try await encodeInTurns(inputs)).map { TextEmbedding($0, $1, dimensions) }
    }

    /// How well documents fit a query, in the order of the documents: a number without bounds, larger where they fit better.
    ///
    /// Blocks the calling thread; in asynchronous code the other form is chosen.
    /// - Parameter instruction: what is looked for, to models that are told (`RerankPrompt`); nil: the usual one.
    /// - Throws: `unsupported` for a model that cannot; `invalidArgument` for an instruction to a model that is not told.
    public func rerank(_ query: String, _ documents: [String], instruction: String? = nil) throws -> [Float] {
        let inputs = try rerankInputs(query, documents, instruction)
        return try encode(inputs).map(score)
    }

    /// The same without holding a thread.
    public func rerank(_ query: String, _ documents: [String], instruction: String? = nil) async throws -> [Float] {
        let inputs = try await thread.run { try self.rerankInputs(query, documents, instruction) }
        return try await encodeInTurns(inputs).map(score)
    }

    /// Most tokens of a text: those of the model, or what its files say.
    package var textLimit: Int { min(sentences.tokenLimit ?? .max, contextLength) }

    private func checkEmbedding(_ dimensions: Int?) throws {
        guard let width = embeddingWidth else { throw unsuited("embeddings", hint: model.result == .score ? .action(.rerank) : nil) }
        if let dimensions, !(1...width).contains(dimensions) {
            throw HadalError(.invalidArgument, "\(dimensions) dimensions: the model's embeddings have \(width)")
        }
    }

    /// Texts as the model takes them: behind a prompt, with special tokens, and cut where they are too long.
    ///
    /// - Throws: as `embed`.
    public func embeddingInputs(_ texts: [String], prompt: String? = nil) throws -> [EncoderInput] {
        try checkEmbedding(nil)
        let (tokenizer, prefix) = (try requireTokenizer(), try sentences.prompt(prompt))
        return try texts.map { try tokenizer.encoderInput(prefix + $0, limit: textLimit) }
    }

    package func rerankInputs(_ query: String, _ documents: [String], _ instruction: String?) throws -> [EncoderInput] {
        let tokenizer = try requireTokenizer()
        if model.result == .score {
            guard instruction == nil else {
                throw HadalError(.invalidArgument, "this model takes a query and a document, and no instruction")
            }
            return try documents.map { try tokenizer.encoderInput(query, $0, limit: textLimit) }
        }
        guard model.result == .logits, let prompt = model.description.graph.rerankPrompt, rerankTokens != nil else {
            throw unsuited("scores of documents", hint: model.result == .embedding ? .action(.embed) : nil)
        }
        let (before, after) = (try tokenizer.encode(prompt.before), try tokenizer.encode(prompt.after))
        let room = contextLength - before.count - after.count
        guard room > 0 else { throw splitSequence(before.count + after.count, after: 0) }
        return try documents.map { document in
            let body = try tokenizer.encode(
                prompt.text(query: query, document: document, instruction: instruction), parseSpecial: false)
            return EncoderInput(
                tokens: before + body.prefix(room) + after, tokenTypes: [], isTruncated: body.count > room)
        }
    }

    /// The tokens that a decoder's score compares; nil where it has none.
    private var rerankTokens: (accepts: Int, rejects: Int)? {
        guard let prompt = model.description.graph.rerankPrompt, let tokenizer, let yes = tokenizer.id(of: prompt.accepts),
            let no = tokenizer.id(of: prompt.rejects)
        else { return nil }
        return (Int(yes), Int(no))
    }

    /// The score that a result row of `rerankInputs` means.
    package func score(_ row: [Float]) -> Float {
        guard model.result == .logits, let (yes, no) = rerankTokens else { return row[0] }
        return row[yes] - row[no]
    }

    /// The result rows of sequences, a step at a time on the engine's thread.
    private func encodeInTurns(_ inputs: [EncoderInput]) async throws -> [[Float]] {
        let flag = CancelFlag()
        return try await withTaskCancellationHandler {
            var results: [[Float]] = Array(repeating: [], count: inputs.count)
            for step in encoderSteps(inputs.map { max($0.tokens.count, 1) }) {
                let rows = try await thread.run {
                    if flag.isSet { throw HadalError(.cancelled, "cancelled") }
                    return try self.encode(step.map { inputs[$0] }, cancel: flag)
                }
                for (index, row) in zip(step, rows) { results[index] = row }
            }
            return results
        } onCancel: {
            flag.set()
        }
    }

    private func unsuited(_ wanted: String, hint: HadalError.Hint.Step?) -> HadalError {
        HadalError(
            .unsupported, "\(model.description.graph.architecture) gives no \(wanted)", at: SourcePlace(model.description.files.path),
            hint: hint.map { [$0] })
    }
}

extension TextEmbedding {
    fileprivate init(_ input: EncoderInput, _ row: [Float], _ dimensions: Int?) {
        self.init(values: row.shortened(to: dimensions), tokenCount: input.tokens.count, isTruncated: input.isTruncated)
    }
}

extension [Float] {
    /// The first elements, divided by their norm; all of them as they are for nil.
    fileprivate func shortened(to count: Int?) -> [Float] {
        guard let count, count < self.count else { return self }
        let part = self[..<count]
        let norm = part.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return norm > 0 ? part.map { Float(Double($0) / norm) } : Array(part)
    }
}
