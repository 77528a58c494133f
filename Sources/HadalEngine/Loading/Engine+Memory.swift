import HadalBackend
import HadalCore
import HadalGraph

extension Engine {
    /// The upper bounds of a step.
    static func bounds(_ options: EngineOptions, context: Int, capabilities: BackendCapabilities) -> Segment.Bounds {
        let tokens = min(options.batchTokens, context)
        let sequences = capabilities.contains(.multiSequence) ? options.batchSequences : 1
        let least = max(sequences, options.speculation.source != .off ? SpeculationOptions.mostDraftTokens + 1 : 1)
        return Segment.Bounds(tokens: max(tokens, sequences), sequences: sequences, rows: options.observe == .none ? least : max(tokens, least))
    }

    /// How many tokens a session and all sessions may hold. Where experts are kept to a limit, so is the rest of what a process limit allows;
    /// a device with memory of its own must hold what is placed there.
    ///
    /// - Throws: `outOfMemory` for what does not fit.
    static func fit(
        _ context: Int, _ model: LoadedModel, _ chosen: BackendChoice, _ placed: BackendChoice.Placed, _ segment: Segment, _ streamed: ExpertPlacement?,
        _ options: EngineOptions
    ) throws -> (context: Int, cache: Int) {
        let isAsked = options.contextLength != nil
        var fitted = (context: context, cache: max(options.cacheTokens ?? 2 * context, context))
        let loads = try DeviceForecast.all(placed, segment, streamed: streamed, limit: chosen.expertMemory, cacheTokens: fitted.cache)
        let hosted = loads.filter { !$0.ownsMemory }
        if let streamed, let limit = chosen.expertMemory, let device = placed.streamingDevice.map({ placed.devices[$0] }) {
            let experts = ExpertForecast(streamed, model.graph, device: device)
            try experts.check(limit: limit, path: model.description.files.path)
            let budget = MemoryBudget(
                model.graph, streamed, experts, device: device, limit: limit,
                cacheBytesPerToken: hosted.reduce(0) { $0 + $1.cacheBytesPerToken }, limits: .current(),
                hosted: hosted.reduce(into: []) { $0.formUnion($1.weights) })
            fitted = try budget.tokens(context: context, isAsked: isAsked, cacheTokens: options.cacheTokens, log: options.log)
        }
        // Quantised weights are packed into memory of the backend's own; what is larger than all of it need not be tried. Float weights may stay
        // in the mapped file, where the system pages them.
        let packed = hosted.reduce(0) { $0 + $1.quantisedBytes }
        if let first = hosted.first, let total = first.totalBytes, packed > total {
            throw HadalError(
                .outOfMemory, "the quantised weights take \(packed) bytes, \(first.name) has \(total)",
                at: Place(model.description.files.path), hint: [.action(.showPlan)])
        }
        for load in loads {
            fitted = try load.fit(context: fitted.context, cache: fitted.cache, isAsked: isAsked, cacheTokens: options.cacheTokens, log: options.log)
        }
        return fitted
    }
}
