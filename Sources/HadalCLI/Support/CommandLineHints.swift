import Hadal

extension HadalError {
    /// The error as one line, its hint in flags and commands.
    var commandLine: String { text(\.commandLine) }
}

extension HadalError.Hint.Step {
    /// What somebody at the command line types or reads.
    var commandLine: String {
        switch self {
        case .change(let setting, let direction, let figure): setting.commandLine(direction, figure)
        case .action(let action): action.commandLine
        case .text(let text): text
        }
    }
}

extension HadalError.Hint.Setting {
    func commandLine(_ direction: HadalError.Hint.Direction, _ figure: HadalError.Hint.Figure?) -> String {
        // A setting without a flag has a plain name only.
        guard let flag else { return HadalError.Hint.Step.change(self, direction, figure).description }
        switch (self, direction) {
        case (.chatTemplate, _): return "use \(flag)"
        case (.fallback, .set): return "\(flag) \(figure?.commandLine ?? "warn") lets another backend run them"
        case (.kernelPaths, _): return "an op of your own is found with \(flag) DIR"
        case (.placement, .lower): return "place fewer ops on it (\(flag))"
        case (.speculation, .set): return "\(flag) draft:MODEL works with any model"
        case (.tokenizer, _): return "\(flag) writes the file without one"
        default: break
        }
        switch (direction, figure?.commandLine) {
        case (.raise, nil): return "raise \(flag)"
        case (.raise, let least?): return "\(flag) \(least) is the minimum for this model"
        case (.lower, nil): return "lower \(flag)"
        case (.lower, let most?): return "\(flag) \(most) fits"
        case (.set, nil): return "choose one with \(flag)"
        case (.set, let value?): return "set \(flag) \(value)"
        case (.remove, _): return "leave \(flag) out"
        }
    }

    /// nil: no command has one.
    private var flag: String? {
        switch self {
        case .architecture: "--architecture"
        case .cacheTokens: nil
        case .cacheType: "--cache-type"
        case .chatTemplate: "--raw"
        case .contextLength: "--context"
        case .expertMemory: "--expert-memory"
        case .fallback: "--fallback"
        case .kernelPaths: "--kernels"
        case .liveKernels: "--live-kernels"
        case .memory: "--memory"
        case .placement: "--place"
        case .saveLimit: "--save-limit"
        case .speculation: "--speculate"
        case .threads: "--threads"
        case .tokenizer: "--no-tokenizer"
        }
    }
}

extension HadalError.Hint.Figure {
    /// As an option takes it.
    fileprivate var commandLine: String {
        switch self {
        case .bytes, .text: description
        case .tokens(let tokens): "\(tokens)"
        }
    }
}

extension HadalError.Hint.Action {
    fileprivate var commandLine: String {
        switch self {
        case .pull(let name): "run: hadal pull \(name ?? "NAME")"
        case .pullFromFile(let name): "run: hadal pull \(name ?? "NAME") --from FILE"
        case .resumePull: "run pull again to resume"
        case .showPlan: "hadal plan shows what a model needs"
        case .writePlan: "hadal plan MODEL -o FILE writes one"
        case .listBackends: "hadal backends lists them"
        case .listGraph: "hadal arch graph MODEL lists labels and ops"
        case .writeLogits: "hadal logits writes such a file"
        case .saveNode: "hadal trace --compare saves nodes"
        case .useTokenIDs: "logits and generate-ids work on token ids"
        case .embed: "hadal embed makes embeddings with it"
        case .rerank: "hadal rerank scores documents with it"
        }
    }
}
