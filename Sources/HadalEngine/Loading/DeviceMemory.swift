import HadalBackend
import HadalCore
import HadalGraph

/// What a device has to hold for a model, against what it has.
public struct DeviceMemory: Sendable {
    /// As the plan names it, and as it calls itself.
    public let device: String
    public let name: String
    /// Whether it has memory of its own. The others share the host's.
    public let ownsMemory: Bool
    public let ops: Int
    /// Weights as the device holds them, without experts that are kept to a limit.
    public let weightBytes: Int
    /// At most, of experts that are kept to a limit.
    public let expertBytes: Int
    public let cacheBytesPerToken: Int
    /// Tokens that the cache is for: those of one session, and where the device has memory of its own all that are reserved there.
    public internal(set) var cacheTokens: Int
    /// States of fixed size, of all sequences and snapshots.
    public let stateBytes: Int
    /// Values that are copied to and from it.
    public let exchangeBytes: Int
    /// Of its first heap that is local to it; nil where it does not tell.
    public let totalBytes: Int?
    public let freeBytes: Int?
    /// Of the weights those that are quantised, as stored: what a device of the host's memory packs into memory of its own.
    let quantisedBytes: Int
    /// Of the weights those that it uses where the model's file is mapped.
    let mappedBytes: Int
    /// Whether what it holds is the host's memory, also where it calls it its own.
    let isHosted: Bool
    /// The graph's weights that it holds.
    let weights: Set<Int>

    public var cacheBytes: Int {
        let (bytes, overflow) = cacheBytesPerToken.multipliedReportingOverflow(by: cacheTokens)
        return overflow ? .max : bytes
    }
    public var neededBytes: Int {
        [weightBytes, expertBytes, cacheBytes, stateBytes, exchangeBytes].reduce(0) { sum, bytes in
            let (next, overflow) = sum.addingReportingOverflow(bytes)
            return overflow ? .max : next
        }
    }

    /// One for each device of a plan.
    ///
    /// - Parameters:
    ///   - streamed: experts that are kept to a limit.
    ///   - segment: the graph with its bounds and the cache's element type; weights may lack data.
    ///   - slots: of states of fixed size.
    static func all(
        _ placed: PlacedGraph, _ devices: [any Device], _ segment: Segment, streamed: ExpertPlacement?, limit: Int?, cacheTokens: Int,
        slots: Int
    ) throws -> [DeviceMemory] {
        let (graph, plan) = (segment.graph, placed.plan)
        var weights = Array(repeating: Set<Int>(), count: plan.devices.count)
        var states = weights
        var ops = Array(repeating: 0, count: plan.devices.count)
        for part in plan.parts {
            ops[part.device] += part.nodes.count
            for node in graph.nodes[part.nodes] {
                for case .weight(let weight) in node.inputs { weights[part.device].insert(weight) }
                states[part.device].formUnion(node.states)
            }
        }
        let exchange = try plan.exchangeBytes(for: segment)
        /// Of a page of those states, or of a slot.
        func bytes(_ states: Set<Int>, isFixed: Bool) -> Int {
            states.reduce(0) { $0 + (graph.states[$1].isFixed == isFixed ? segment.pageBytes(of: graph.states[$1]) : 0) }
        }
        return plan.devices.indices.map { index in
            let device = devices[index]
            let isStreaming = index == placed.streamingDevice
            var (held, quantised, mapped, stored) = (0, 0, 0, 0)
            for weight in weights[index] {
                let declared = graph.weights[weight]
                if isStreaming, streamed?.pieces[weight] != nil {
                    stored += declared.bytes
                    continue
                }
                let isMatrix = declared.dims.count > 1 && declared.dtype.isQuantised
                held += isMatrix ? device.heldBytes(of: declared) ?? declared.bytes : declared.bytes
                if declared.dtype.isQuantised { quantised += declared.bytes } else if !plan.ownsMemory[index] { mapped += declared.bytes }
            }
            let heap = device.info.heaps.first { $0.deviceLocal } ?? device.info.heaps.first
            return DeviceMemory(
                device: plan.devices[index], name: device.info.name, ownsMemory: plan.ownsMemory[index], ops: ops[index], weightBytes: held,
                expertBytes: isStreaming ? min(limit ?? 0, stored) : 0,
                cacheBytesPerToken: bytes(states[index], isFixed: false) / max(segment.pageTokens, 1), cacheTokens: cacheTokens,
                stateBytes: bytes(states[index], isFixed: true) * slots, exchangeBytes: exchange[index],
                totalBytes: heap.map { Int(clamping: $0.bytesTotal) },
                freeBytes: heap.map { Int(clamping: $0.bytesFree) }, quantisedBytes: quantised,
                mappedBytes: mapped, isHosted: !plan.ownsMemory[index] || [.cpu, .integratedGPU, .software].contains(device.info.kind),
                weights: weights[index])
        }
    }

    /// The context and the tokens of all sessions that this device's memory allows, if it is its own: unlike the host's, it is taken at once.
    ///
    /// - Parameters:
    ///   - context: what was asked for, or else what is usual, which may be less in the end.
    ///   - isAsked: whether it was asked for.
    ///   - budget: what it may hold at most, whatever it has; nil: all that it has.
    /// - Throws: `outOfMemory`, saying what takes how much.
    func fit(context: Int, cache: Int, isAsked: Bool, cacheTokens: Int?, budget: Int?, log: LogSink) throws -> (context: Int, cache: Int) {
        guard ownsMemory, let total = totalBytes, total > 0 else { return (context, cache) }
        let free = min(freeBytes.flatMap { $0 > 0 ? min($0, total) : nil } ?? total, budget ?? .max)
        // A part is left for what cannot be known in advance: activations and the driver's own.
        let room = free - free / 16 - weightBytes - expertBytes - stateBytes - exchangeBytes
        guard room >= 0 else {
            throw HadalError(
                .outOfMemory,
                "\(device) would hold \(weightBytes + expertBytes + stateBytes + exchangeBytes) bytes of weights, states and values; \(name) has \(free) free of \(total)",
                hint: [.lower(.placement), .action(.showPlan)])
        }
        guard cacheBytesPerToken > 0 else { return (context, cache) }
        let fitting = room / cacheBytesPerToken / Engine.pageTokens * Engine.pageTokens - Engine.pageTokens
        let wanted = max(isAsked ? context : min(context, Engine.pageTokens), cacheTokens ?? 0)
        guard fitting >= wanted else {
            throw HadalError(
                .outOfMemory,
                "the cache of \(wanted) tokens takes \(cacheBytesPerToken) bytes each on \(device), where \(room) bytes are left beside the weights",
                hint: fitting >= Engine.pageTokens ? [.lower(.contextLength, to: .tokens(fitting))] : [.lower(.placement)])
        }
        let chosen = min(context, fitting)
        if chosen < context {
            log.write(.warning, "the context is \(chosen) tokens, not \(context): more do not fit the memory of \(device)")
        }
        return (chosen, max(min(cache, fitting), chosen))
    }

    var json: JSON {
        func number(_ value: Int?) -> JSON { value.map { JSON(.int(Int64($0))) } ?? .null }
        return [
            "device": JSON(.string(device)), "name": JSON(.string(name)), "owns_memory": JSON(.bool(ownsMemory)), "ops": number(ops),
            "weights_bytes": number(weightBytes), "expert_bytes": number(expertBytes), "cache_bytes": number(cacheBytes),
            "cache_bytes_per_token": number(cacheBytesPerToken), "state_bytes": number(stateBytes), "exchange_bytes": number(exchangeBytes),
            "needed_bytes": number(neededBytes),
            "total_bytes": number(totalBytes), "free_bytes": number(freeBytes),
        ]
    }
}
