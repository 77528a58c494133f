import Hadal

/// A plan as text.
enum PlanListing {
    /// More parts than this are summed up.
    private static let mostParts = 12

    /// Which devices run what, what moved there and why, and what is copied between them.
    static func placement(_ placement: ExecutionPlan, of plan: LoadPlan) -> [String] {
        var lines = ["\nplacement"]
        func extent(_ part: ExecutionPlan.Part) -> String {
            let ops = plan.ops(of: part)
            guard ops.count > 1, let first = ops.first, let last = ops.last else { return ops.first?.label ?? "" }
            return "\(first.label) … \(last.label)"
        }
        if placement.parts.count <= mostParts {
            lines.append(
                Terminal.table(placement.parts.map { ["  \(placement.devices[$0.device])", count($0.nodes.count, "op"), extent($0)] }))
        } else {
            lines.append(
                Terminal.table(
                    placement.devices.indices.map { index in
                        var kinds: [(op: String, count: Int)] = []
                        let parts = placement.parts.filter { $0.device == index }
                        for (_, op) in parts.flatMap(plan.ops) {
                            if let known = kinds.firstIndex(where: { $0.op == op }) {
                                kinds[known].count += 1
                            } else {
                                kinds.append((op, 1))
                            }
                        }
                        return [
                            "  \(placement.devices[index])", count(kinds.reduce(0) { $0 + $1.count }, "op"),
                            "in \(count(parts.count, "part"))",
                            kinds.sorted { $0.count > $1.count }.map { "\($0.op) x\($0.count)" }.joined(separator: ", "),
                        ]
                    }))
        }
        lines += placement.moveSummary.map { "  \($0)" }
        guard placement.devices.count > 1 else {
            lines.append("  \(placement.copies) copies between devices a step")
            return lines
        }
        lines.append(
            "  \(count(placement.crossings.count, "value")) cross\(placement.crossings.count == 1 ? "es" : "") between devices a step, \(Terminal.bytes(plan.crossingBytes(tokens: 1))) a token"
        )
        if placement.ownsMemory.contains(true) {
            let (token, step) = (plan.copiedBytes(tokens: 1), plan.copiedBytes(tokens: plan.stepTokens))
            lines.append(
                "  \(count(placement.copies, "copies", "copy")) between devices a step: \(Terminal.bytes(token)) a token, \(Terminal.bytes(step)) for \(plan.stepTokens) tokens of a prompt"
            )
        } else {
            lines.append("  0 copies between devices a step: they share the host's memory")
        }
        return lines
    }

    /// How memory is divided.
    static func memory(_ plan: LoadPlan) -> [[String]] {
        let perToken = "\(Terminal.bytes(plan.cacheBytesPerToken)) each (\(plan.cacheDType.name.lowercased()))"
        var rows = [
            ["  weights", Terminal.bytes(plan.heldBytes), "as loaded; \(Terminal.bytes(plan.weightBytes)) as stored"],
            ["  cache", Terminal.bytes(plan.cacheBytes), "for \(plan.contextLength) tokens, \(perToken); taken as it fills"],
        ]
        if plan.cacheTokens > plan.contextLength {
            let (all, overflow) = plan.cacheBytesPerToken.multipliedReportingOverflow(by: plan.cacheTokens)
            rows.append(["", Terminal.bytes(overflow ? .max : all), "for \(plan.cacheTokens) tokens of all sessions, at most"])
        }
        rows.append(["  scratch", Terminal.bytes(plan.scratchBytes), "values of a step, results and the tables of the vocabulary, at most"])
        if plan.stateBytes > 0 {
            rows.append(["  states", Terminal.bytes(plan.stateBytes), "recurrent states and windows of all sequences, and their snapshots"])
        }
        if plan.draftBytes > 0 {
            rows.append(["  drafting", Terminal.bytes(plan.draftBytes), "the model or layer that drafts, without its cache"])
        }
        if let budget = plan.memoryBudget {
            let reason =
                switch plan.memoryBudgetSource {
                case "named": "--memory"
                case "machine": "nine tenths of what the machine has free; --memory sets another"
                default: "nine tenths of what the control group allows; --memory sets another"
                }
            let isTooLarge =
                !plan.devices.contains { $0.ownsMemory } && plan.heldBytes + plan.scratchBytes + plan.draftBytes + plan.stateBytes > budget
            rows.append(["  budget", Terminal.bytes(budget), reason + (isTooLarge ? "; the weights do not fit it" : "")])
        }
        return rows + [["  free now", plan.freeBytes.map { Terminal.bytes($0) } ?? "unknown"]]
    }

    /// What each device has to hold; nil for one device that computes on the host's memory, of which all has been said.
    static func devices(_ plan: LoadPlan) -> String? {
        guard plan.devices.count > 1 || plan.devices.contains(where: \.ownsMemory) else { return nil }
        let header = ["  device", "weights", "experts", "cache", "exchange", "in all", "free", "of"]
        return "\n"
            + Terminal.table(
                [header]
                    + plan.devices.map { device in
                        [
                            "  \(device.device)", Terminal.bytes(device.weightBytes),
                            device.expertBytes > 0 ? Terminal.bytes(device.expertBytes) : "-",
                            Terminal.bytes(device.cacheBytes), device.ownsMemory ? Terminal.bytes(device.exchangeBytes) : "-",
                            Terminal.bytes(device.neededBytes),
                            device.freeBytes.map { Terminal.bytes($0) } ?? "unknown",
                            (device.totalBytes.map { Terminal.bytes($0) } ?? "unknown") + (device.ownsMemory ? "" : ", the host's memory")
                                + (device.neededBytes > device.freeBytes ?? .max ? "; does not fit" : ""),
                        ]
                    })
    }

    private static func count(_ count: Int, _ many: String, _ one: String? = nil) -> String {
        if let one { return "\(count) \(count == 1 ? one : many)" }
        return "\(count) \(many)\(count == 1 ? "" : "s")"
    }
}
