extension HadalError.Hint: CustomStringConvertible {
    /// Plain English for a person, without a program's flags.
    public var description: String { text(\.description) }

    /// The steps, each in the words of `render`, as one line.
    public func text(_ render: (Step) -> String) -> String { steps.map(render).joined(separator: "; ") }
}

extension HadalError {
    /// One line, `place: message (hint)`, each step of the hint in the words of `render`.
    public func text(_ render: (Hint.Step) -> String) -> String {
        var text = place.map { "\($0): " } ?? ""
        text += message
        if let hint { text += " (\(hint.text(render)))" }
        return text
    }
}

extension HadalError.Hint.Step: CustomStringConvertible {
    public var description: String {
        switch self {
        case .change(.placement, .lower, _): "place fewer ops on it"
        case .change(.kernelPaths, .set, nil): "an op of your own is found in \(HadalError.Hint.Setting.kernelPaths)"
        case .change(let setting, .raise, let least): "raise \(setting)" + (least.map { " to at least \($0)" } ?? "")
        case .change(let setting, .lower, let most): "lower \(setting)" + (most.map { " to at most \($0)" } ?? "")
        case .change(let setting, .set, let value): "set \(setting)" + (value.map { " to \($0)" } ?? "")
        case .change(let setting, .remove, _): "leave \(setting) out"
        case .action(let action): action.description
        case .text(let text): text
        }
    }
}

extension HadalError.Hint.Setting: CustomStringConvertible {
    /// With its article, as it stands inside a sentence.
    public var description: String {
        switch self {
        case .architecture: "the architecture"
        case .cacheTokens: "the number of tokens in the cache"
        case .cacheType: "the element type of the cache"
        case .chatTemplate: "the chat template"
        case .contextLength: "the context length"
        case .expertMemory: "the limit on expert memory"
        case .memory: "the memory budget"
        case .fallback: "the fallback policy"
        case .kernelPaths: "the directories of kernels"
        case .liveKernels: "the watch on kernel sources"
        case .placement: "the placement of ops"
        case .saveLimit: "the limit on saved operands"
        case .speculation: "speculation"
        case .threads: "the number of threads"
        case .tokenizer: "the tokenizer"
        }
    }
}

extension HadalError.Hint.Figure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .bytes(let bytes): ByteCount(bytes: bytes).description
        case .tokens(let tokens): "\(tokens) tokens"
        case .text(let text): text
        }
    }
}

extension HadalError.Hint.Action: CustomStringConvertible {
    public var description: String {
        switch self {
        case .pull(let name): "pull " + (name.map { "the model '\($0)'" } ?? "a model of the catalogue")
        case .pullFromFile(let name): "pull " + (name.map { "the model '\($0)'" } ?? "the model") + " from a file of yours"
        case .resumePull: "pull again to resume"
        case .showPlan: "a load plan shows what a model needs"
        case .writePlan: "the placement rules of a load plan make one"
        case .listBackends: "the list of backends shows devices and options"
        case .listGraph: "the model's graph shows labels and ops"
        case .writeLogits: "it is written from the logits of a model"
        case .saveNode: "a comparison of two backends saves the first node that differs"
        case .useTokenIDs: "give token ids in place of text"
        case .embed: "make embeddings with it"
        case .rerank: "score documents with it"
        }
    }
}
