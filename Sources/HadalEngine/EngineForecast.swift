import HadalArchitecture
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// What loading a model would do, found without reading its weights.
public struct EngineForecast: Sendable {
    public let description: ModelDescription
    public let plan: ExecutionPlan
    public let backend: String
    public let contextLength: Int
    public let weightBytes: Int
    public let cacheBytes: Int
    public let cacheBytesPerToken: Int
    /// Free memory of the preferred device's first heap, when it tells.
    public let freeBytes: Int?
    /// nil for a model without experts.
    public let experts: ExpertForecast?
    /// Bytes of experts that are kept in memory; nil: all of them.
    public let expertMemory: Int?
    /// Bytes a second that experts are read with; measured only where a limit was asked for.
    public let expertReadRate: Double?
    /// Weights that stay in memory whatever the limit.
    public let residentBytes: Int
    /// What keeps the model from loading with these options, if anything does.
    public let obstacle: HadalError?

    public init(path: String, options: EngineOptions) throws {
        description = try ModelDescription(path: path, options: options)
        let chosen = try BackendChoice(options)
        let graph = description.graph.main
        let placement = try ExpertPlacement(graph, of: description.graph)
        let forecast = placement.layers.isEmpty ? nil : ExpertForecast(placement, graph, device: chosen.devices[0])
        var context = options.contextLength ?? min(description.graph.contextLength, Engine.defaultContextLimit)
        var obstacle: HadalError?
        if let limit = chosen.expertMemory, let forecast, forecast.layers > 0 {
            let budget = MemoryBudget(
                graph, placement, forecast, device: chosen.devices[0], limit: limit,
                cacheBytesPerToken: description.graph.stateBytesPerToken(elementBytes: options.cacheDType.blockBytes), limits: .current())
            residentBytes = budget.residentBytes
            do {
                try forecast.check(limit: limit, path: path)
                context = try budget.tokens(
                    context: context, isAsked: options.contextLength != nil, cacheTokens: options.cacheTokens, log: options.log).context
            } catch let error as HadalError { obstacle = error }
            expertReadRate = ExpertForecast.readRate(placement, description.files)
        } else {
            residentBytes = description.graph.weightBytes
            expertReadRate = nil
            if chosen.expertMemory != nil { options.log.write(.warning, "--expert-memory has no effect: the model has no experts that can be read one by one") }
        }
        self.obstacle = obstacle
        experts = forecast
        expertMemory = chosen.expertMemory
        contextLength = context
        let bounds = Segment.Bounds(tokens: min(options.batchTokens, contextLength), sequences: 1, rows: 1)
        let segment = Segment(
            withoutData: description.graph.main, scales: try description.scales(of: description.graph.main), bounds: bounds, stateDType: options.cacheDType, pageTokens: Engine.pageTokens)
        plan = try chosen.plan(for: segment, policy: options.fallback)
        backend = chosen.summary
        (weightBytes, cacheBytes) = description.memory(contextLength: contextLength, cacheDType: options.cacheDType)
        cacheBytesPerToken = description.graph.stateBytesPerToken(elementBytes: options.cacheDType.blockBytes)
        freeBytes = chosen.devices.first?.info.heaps.first.map { Int(clamping: $0.bytesFree) }
    }

    public func json() -> JSON {
        let nodes = description.graph.main.nodes
        return [
            "architecture": JSON(.string(description.graph.architecture)), "backend": JSON(.string(backend)),
            "reasons": JSON(.array(description.graph.reasons.map { JSON(.string($0)) })),
            "devices": JSON(.array(plan.devices.map { JSON(.string($0)) })),
            "parts": JSON(.array(plan.parts.map { part in
                ["device": JSON(.string(plan.devices[part.device])), "ops": JSON(.int(Int64(part.nodes.count))),
                 "first": JSON(.string(nodes[part.nodes.lowerBound].label)), "last": JSON(.string(nodes[part.nodes.upperBound - 1].label))]
            })),
            "moves": JSON(.array(plan.moves.map { move in
                ["label": JSON(.string(move.label)), "op": JSON(.string(move.op)), "from": JSON(.string(move.from)),
                 "to": JSON(.string(move.to)), "reason": JSON(.string(move.reason))]
            })),
            "copies": JSON(.int(Int64(plan.copies))),
            "memory": [
                "weights_bytes": JSON(.int(Int64(weightBytes))), "cache_bytes": JSON(.int(Int64(cacheBytes))),
                "cache_bytes_per_token": JSON(.int(Int64(cacheBytesPerToken))), "context": JSON(.int(Int64(contextLength))),
                "free_bytes": freeBytes.map { JSON(.int(Int64($0))) } ?? .null,
                "resident_weights_bytes": JSON(.int(Int64(residentBytes))),
            ],
            "experts": experts?.json(limit: expertMemory, readRate: expertReadRate) ?? .null,
            "obstacle": obstacle.map { JSON(.string($0.description)) } ?? .null,
        ]
    }
}
