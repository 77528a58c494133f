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
    /// What each device of the plan has to hold.
    public let devices: [DeviceForecast]
    /// Bytes of weights that are in memory once the model is loaded, of all devices: packed as each device packs them.
    public var heldBytes: Int { devices.reduce(0) { $0 + $1.weightBytes + $1.expertBytes } }
    /// Most tokens of a step.
    public let batchTokens: Int
    /// What keeps the model from loading with these options, if anything does.
    public let obstacle: HadalError?

    public init(path: String, options: EngineOptions) throws {
        description = try ModelDescription(path: path, options: options)
        let graph = description.graph.main
        let chosen = try BackendChoice(options, for: [graph])
        let scales = try description.scales(of: graph)
        func segment(_ context: Int) -> Segment {
            Segment(
                withoutData: graph, scales: scales, bounds: .init(tokens: min(options.batchTokens, context), sequences: 1, rows: 1),
                stateDType: options.cacheDType, pageTokens: Engine.pageTokens)
        }
        var context = options.contextLength ?? min(description.graph.contextLength, Engine.defaultContextLimit)
        let placed = try chosen.place(segment(context))
        plan = placed.plan
        backend = placed.summary
        let all = try ExpertPlacement(graph, of: description.graph)
        // Without a limit: what one would do on the device that runs the first of them.
        let holder = zip(graph.nodes, plan.deviceOfNode).first { $0.0.op == Op.experts }?.1 ?? 0
        let placement = chosen.expertMemory == nil ? all : try ExpertPlacement(graph, of: description.graph, on: placed)
        let device = placed.devices[placed.streamingDevice ?? holder]
        let forecast = placement.layers.isEmpty ? nil : ExpertForecast(placement, graph, device: device)
        var obstacle: HadalError?
        let loads = try DeviceForecast.all(
            placed, segment(context), streamed: chosen.expertMemory == nil ? nil : placement, limit: chosen.expertMemory, cacheTokens: context)
        if let limit = chosen.expertMemory, let forecast, forecast.layers > 0 {
            let hosted = loads.filter { !$0.ownsMemory }
            let budget = MemoryBudget(
                graph, placement, forecast, device: device, limit: limit, cacheBytesPerToken: hosted.reduce(0) { $0 + $1.cacheBytesPerToken },
                limits: .current(), hosted: hosted.reduce(into: []) { $0.formUnion($1.weights) })
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
            if chosen.expertMemory != nil { options.log.write(.warning, "the limit on expert memory has no effect: the model has no experts that can be read one by one") }
        }
        do {
            for load in loads {
                context = try load.fit(
                    context: context, cache: context, isAsked: options.contextLength != nil, cacheTokens: options.cacheTokens, log: options.log).context
            }
        } catch let error as HadalError { obstacle = obstacle ?? error }
        self.obstacle = obstacle
        experts = forecast
        expertMemory = chosen.expertMemory
        contextLength = context
        devices = loads.map { load in
            var load = load
            load.cacheTokens = context
            return load
        }
        (weightBytes, cacheBytes) = description.memory(contextLength: contextLength, cacheDType: options.cacheDType)
        cacheBytesPerToken = description.graph.stateBytesPerToken(elementBytes: options.cacheDType.blockBytes)
        freeBytes = placed.devices.first?.info.heaps.first.map { Int(clamping: $0.bytesFree) }
        batchTokens = min(options.batchTokens, context)
    }

    /// Rules that give this placement without any fallback: those it was made with, and before them one for each op that was moved.
    ///
    /// - Parameter options: those that the forecast was made with.
    public func placementRules(_ options: EngineOptions) throws -> PlacementRules {
        let nodes = description.graph.main.nodes
        let device = plan.deviceOfNode
        var rules: [PlacementRules.Rule] = []
        var whole: Set<String> = []
        for move in plan.moves where !whole.contains(move.op) {
            let target = plan.devices[device[move.node]]
            let isWhole = nodes.indices.allSatisfy { nodes[$0].op != move.op || device[$0] == device[move.node] }
            if isWhole { whole.insert(move.op) }
            let pattern = try PlacementPattern(isWhole ? move.op : "\(move.label) \(move.op)")
            guard !rules.contains(where: { $0.pattern == pattern }) else { continue }
            rules.append(try .init(pattern, on: target, note: "\(move.from): \(move.reason)"))
        }
        // What the moved ops were named by may have nothing left.
        for (index, rule) in (options.placement?.rules ?? []).enumerated() where !rules.contains(where: { $0.pattern == rule.pattern }) {
            let isUsed = zip(nodes, options.placement?.assign(description.graph.main) ?? []).contains { node, taken in
                taken == index && !rules.contains { $0.pattern.matches(node) }
            }
            if isUsed || rule.pattern.isRest || !nodes.contains(where: rule.pattern.matches) { rules.append(rule) }
        }
        if rules.last?.pattern.isRest != true { rules.append(try .init(try PlacementPattern("rest"), on: options.backend)) }
        return try PlacementRules(rules, architecture: description.graph.architecture)
    }

    public func json() -> JSON {
        let graph = description.graph.main
        let nodes = graph.nodes
        func number(_ value: Int) -> JSON { JSON(.int(Int64(value))) }
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
            "exchange": [
                "crossings": number(plan.crossings.count), "crossing_bytes_per_token": number(plan.crossingBytes(in: graph, tokens: 1, rows: 1)),
                "copies": number(plan.copies), "copied_bytes_per_token": number(plan.copiedBytes(in: graph, tokens: 1, rows: 1)),
                "step_tokens": number(batchTokens), "copied_bytes_per_step": number(plan.copiedBytes(in: graph, tokens: batchTokens, rows: 1)),
                "host_copies": number(plan.transfers.count - plan.copies),
                "host_copied_bytes_per_token": number(plan.copiedBytes(in: graph, tokens: 1, rows: 1, of: [.input, .output])),
                "values": JSON(.array(plan.crossings.map { crossing in
                    ["value": JSON(.string(graph.values[crossing.value].name)), "from": JSON(.string(plan.devices[crossing.from])),
                     "to": JSON(.string(plan.devices[crossing.to])),
                     "bytes_per_token": number(graph.values[crossing.value].bytes(tokens: 1, sequences: 1, rows: 1))]
                })),
            ],
            "device_memory": JSON(.array(devices.map(\.json))),
            "memory": [
                "weights_bytes": JSON(.int(Int64(weightBytes))), "held_weights_bytes": number(heldBytes), "cache_bytes": JSON(.int(Int64(cacheBytes))),
                "cache_bytes_per_token": JSON(.int(Int64(cacheBytesPerToken))), "context": JSON(.int(Int64(contextLength))),
                "free_bytes": freeBytes.map { JSON(.int(Int64($0))) } ?? .null,
                "resident_weights_bytes": JSON(.int(Int64(residentBytes))),
            ],
            "experts": experts?.json(limit: expertMemory, readRate: expertReadRate) ?? .null,
            "obstacle": obstacle.map { JSON(.string($0.description)) } ?? .null,
        ]
    }
}
