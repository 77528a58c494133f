import HadalCore
import HadalGraph

extension ExecutionPlan {
    /// A device that nodes may be placed on.
    package struct Candidate: Sendable {
        package var name: String
        /// Whether the device has memory of its own.
        package var ownsMemory: Bool
        /// Whether it takes segments of more than one node.
        package var multiNode: Bool
        /// Opens the device, once; called only when a node may run there.
        package var open: @Sendable () throws -> any Device

        package init(name: String, ownsMemory: Bool, multiNode: Bool, open: @escaping @Sendable () throws -> any Device) {
            self.name = name
            self.ownsMemory = ownsMemory
            self.multiNode = multiNode
            self.open = open
        }
    }

    /// Places every node on the candidate that it is meant for or, where that one cannot take it, on the first other one that can.
    ///
    /// - Parameters:
    ///   - segment: the whole model; weights may lack data.
    ///   - preferred: for each node the index of a candidate.
    ///   - candidates: those that nodes are meant for, the one for most of them first.
    ///   - others: those that may take over besides, asked for when first needed.
    /// - Returns: the plan, and the devices that it uses, in its order.
    /// - Throws: `unsupported` naming every node that no candidate takes or, where `policy` is `.error`, that would move; `invalidArgument`
    ///   when nodes that share a state are kept apart; what opening a device that nodes are meant for meets.
    package static func make(
        for segment: Segment, preferred: [Int], candidates: [Candidate], others: () -> [Candidate], policy: FallbackPolicy
    ) throws -> (plan: ExecutionPlan, devices: [any Device]) {
        guard !candidates.isEmpty, preferred.count == segment.graph.nodes.count, preferred.allSatisfy(candidates.indices.contains) else {
            throw HadalError(.invalidArgument, "no device to place the model on")
        }
        var pool = candidates
        var opened: [Int: any Device] = [:]
        var closed: Set<Int> = []
        var hasOthers = false
        func device(_ index: Int) throws -> (any Device)? {
            if let device = opened[index] { return device }
            guard !closed.contains(index) else { return nil }
            do {
                let device = try pool[index].open()
                opened[index] = device
                return device
            } catch  where index >= candidates.count {
                closed.insert(index)
                return nil
            }
        }

        var placement: [Int] = []
        var moves: [Move] = []
        var refused: [Refusal] = []
        for (i, node) in segment.graph.nodes.enumerated() {
            let meant = preferred[i]
            guard let reason = try device(meant)?.unsupported(node: i, of: segment) else {
                placement.append(meant)
                continue
            }
            var reasons = [(pool[meant].name, reason)]
            var chosen: Int?
            if policy != .error {
                if !hasOthers {
                    pool += others()
                    hasOthers = true
                }
                for k in pool.indices where k != meant {
                    guard let device = try device(k) else { continue }
                    guard let reason = device.unsupported(node: i, of: segment) else { chosen = k; break }
                    reasons.append((pool[k].name, reason))
                }
            }
            guard let chosen else {
                refused.append(Refusal(label: node.label, op: node.op, reasons: reasons.map { "\($0.0): \($0.1)" }))
                continue
            }
            moves.append(Move(node: i, label: node.label, op: node.op, from: pool[meant].name, to: pool[chosen].name, reason: reason))
            placement.append(chosen)
        }
        if !refused.isEmpty {
            throw HadalError(
                .unsupported,
                "\(refused.count) of \(segment.graph.nodes.count) ops cannot run where they are placed: \(Refusal.summary(refused))",
                hint: policy == .error ? [.set(.fallback, to: "warn")] : ["no backend takes them"])
        }

        // Only devices with nodes are part of the plan.
        let used = pool.indices.filter(Set(placement).contains)
        let number = Dictionary(uniqueKeysWithValues: used.enumerated().map { ($1, $0) })
        var parts: [Part] = []
        for (i, candidate) in placement.enumerated() {
            guard let device = number[candidate] else { continue }
            if let last = parts.last, last.device == device, pool[candidate].multiNode {
                parts[parts.count - 1].nodes = last.nodes.lowerBound..<(i + 1)
            } else {
                parts.append(Part(device: device, nodes: i..<(i + 1)))
            }
        }
        var plan = ExecutionPlan(
            devices: used.map { pool[$0].name }, ownsMemory: used.map { pool[$0].ownsMemory }, parts: parts, moves: moves, crossings: [],
            transfers: [])
        try plan.checkStates(of: segment.graph)
        plan.findTransfers(in: segment.graph)
        return (plan, used.compactMap { opened[$0] })
    }

    /// A state lies in one memory, so nodes that share it must, too.
    private func checkStates(of graph: Graph) throws {
        var users: [Int: (device: Int, label: String)] = [:]
        for part in parts {
            for node in graph.nodes[part.nodes] {
                for state in node.states {
                    guard let other = users[state] else {
                        users[state] = (part.device, node.label)
                        continue
                    }
                    guard other.device == part.device || !(ownsMemory[other.device] || ownsMemory[part.device]) else {
                        throw HadalError(
                            .invalidArgument,
                            "\(other.label) on \(devices[other.device]) and \(node.label) on \(devices[part.device]) share the state "
                                + "'\(graph.states[state].name)', which is in the memory of one device",
                            hint: "place both on the same backend")
                    }
                }
            }
        }
    }

    /// A node that cannot run, and why on each candidate that was asked.
    private struct Refusal {
        var label: String
        var op: String
        var reasons: [String]

        private static let mostGroups = 32

        /// "attention x30 (layers.0.attention.a … layers.29.attention.a): vulkan: no such kernel; …"
        static func summary(_ all: [Refusal]) -> String {
            let groups = OpGroup.group(all.map { ($0.label, $0.op, $0.reasons.joined(separator: ", ")) })
            let more = groups.count > mostGroups ? ["and \(groups.count - mostGroups) more kinds"] : []
            return (groups.prefix(mostGroups).map { "\($0.text): \($0.reason)" } + more).joined(separator: "; ")
        }
    }
}
