import HadalArchitecture
import HadalBackend
package import HadalCore
import HadalGraph

extension LoadPlan {
    /// - Parameter expertReadRate: bytes a second, as `measureExpertReads` gives them.
    /// - Throws: `obstacle`, where it keeps a placement from being found.
    package func json(expertReadRate: Double? = nil) throws -> JSON {
        let plan = try requirePlacement()
        let nodes = graph.nodes
        let stepTokens = bounds?.tokens ?? 0
        func number(_ value: Int) -> JSON { JSON(.int(Int64(value))) }
        return [
            "architecture": JSON(.string(description.graph.architecture)), "backend": JSON(.string(backend)),
            "reasons": JSON(.array(description.graph.reasons.map { JSON(.string($0)) })),
            "devices": JSON(.array(plan.devices.map { JSON(.string($0)) })),
            "parts": JSON(
                .array(
                    plan.parts.map { part in
                        [
                            "device": JSON(.string(plan.devices[part.device])), "ops": JSON(.int(Int64(part.nodes.count))),
                            "first": JSON(.string(nodes[part.nodes.lowerBound].label)),
                            "last": JSON(.string(nodes[part.nodes.upperBound - 1].label)),
                        ]
                    })),
            "moves": JSON(
                .array(
                    plan.moves.map { move in
                        [
                            "label": JSON(.string(move.label)), "op": JSON(.string(move.op)), "from": JSON(.string(move.from)),
                            "to": JSON(.string(move.to)), "reason": JSON(.string(move.reason)),
                        ]
                    })),
            "copies": JSON(.int(Int64(plan.copies))),
            "exchange": [
                "crossings": number(plan.crossings.count),
                "crossing_bytes_per_token": number(plan.crossingBytes(in: graph, tokens: 1, rows: 1)),
                "copies": number(plan.copies), "copied_bytes_per_token": number(plan.copiedBytes(in: graph, tokens: 1, rows: 1)),
                "step_tokens": number(stepTokens),
                "copied_bytes_per_step": number(plan.copiedBytes(in: graph, tokens: stepTokens, rows: 1)),
                "host_copies": number(plan.transfers.count - plan.copies),
                "host_copied_bytes_per_token": number(plan.copiedBytes(in: graph, tokens: 1, rows: 1, of: [.input, .output])),
                "values": JSON(
                    .array(
                        plan.crossings.map { crossing in
                            [
                                "value": JSON(.string(graph.values[crossing.value].name)),
                                "from": JSON(.string(plan.devices[crossing.from])),
                                "to": JSON(.string(plan.devices[crossing.to])),
                                "bytes_per_token": number(graph.values[crossing.value].bytes(tokens: 1, sequences: 1, rows: 1)),
                            ]
                        })),
            ],
            "device_memory": JSON(.array(devices.map(\.json))),
            "memory": [
                "weights_bytes": JSON(.int(Int64(weightBytes))), "held_weights_bytes": number(heldBytes),
                "cache_bytes": JSON(.int(Int64(cacheBytes))),
                "cache_bytes_per_token": JSON(.int(Int64(cacheBytesPerToken))),
                "cache_type": JSON(.string(cacheDType.name.lowercased())), "context": JSON(.int(Int64(contextLength))),
                "free_bytes": freeBytes.map { JSON(.int(Int64($0))) } ?? .null,
                "resident_weights_bytes": JSON(.int(Int64(residentBytes))),
                "budget_bytes": memoryBudget.map { JSON(.int(Int64($0))) } ?? .null,
                "budget_source": memoryBudgetSource.map { JSON(.string($0)) } ?? .null,
                "scratch_bytes": number(scratchBytes), "draft_bytes": number(draftBytes), "state_bytes": number(stateBytes),
                "cache_tokens": number(cacheTokens),
            ],
            "experts": experts?.json(limit: expertMemory, readRate: expertReadRate) ?? .null,
            "obstacle": obstacle.map { JSON(.string($0.description)) } ?? .null,
        ]
    }
}
