import ArgumentParser
import Hadal

/// Whether to draft tokens ahead, and with what.
struct SpeculationArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Speculative decoding: draft tokens with the model's own prediction layer (mtp), or with a smaller model of the same vocabulary (draft:MODEL). The answer stays the same; only its speed changes.",
            valueName: "mtp|draft:MODEL|off"))
    var speculate = "off"

    func validate() throws { _ = try source { $0 } }

    /// What the engine is to do.
    func options() throws -> SpeculationOptions { SpeculationOptions(try source(ModelStore.resolve)) }

    private func source(_ path: (String) throws -> String) throws -> SpeculationOptions.Source {
        switch speculate {
        case "off": return .off
        case "mtp": return .mtp
        default:
            let prefix = "draft:"
            guard speculate.hasPrefix(prefix), speculate.utf8.count > prefix.utf8.count else {
                throw ValidationError("--speculate must be mtp, draft:MODEL or off, not '\(speculate)'.")
            }
            return .draft(path: try path(String(speculate.dropFirst(prefix.count))))
        }
    }
}

extension ModelOptions {
    func load(
        _ speculation: SpeculationArguments, _ live: LiveKernelArguments? = nil, cache: DiskCacheArguments? = nil, exact: Bool = false,
        adjust: (inout EngineOptions) -> Void = { _ in }
    ) throws -> Engine {
        var options = try engineOptions(exact: exact)
        options.speculation = try speculation.options()
        cache?.set(&options)
        options.fusesOps = live?.isOn != true
        adjust(&options)
        return try Engine(path: try ModelStore.resolve(model), options: options)
    }
}

extension SpeculationSummary {
    /// For the line of figures.
    var line: String {
        guard draftedTokens > 0 else { return "speculation \(kind): nothing drafted" }
        var line = "speculation \(kind): \(acceptedTokens) of \(draftedTokens) drafts kept (\(Terminal.number(100 * acceptance, 0)) %), "
        line += "\(Terminal.number(tokensPerStep, 2)) tokens a step"
        if let netGain { line += ", net gain \(Terminal.number(netGain, 2))" }
        if let switchedOffAfter { line += ", switched off after \(switchedOffAfter) tokens" }
        return line
    }
}
