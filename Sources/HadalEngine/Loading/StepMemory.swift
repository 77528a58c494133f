import HadalBackend
import HadalCore
import HadalGraph

/// What steps and sessions need of the host's memory beside weights and caches, at most. Found without compiling.
enum StepMemory {
    /// Bytes of a vocabulary's tables, a token: texts by id, ids by text, and those that constraints are made with.
    private static let bytesPerToken = 128
    /// What each thread of a backend keeps for its kernels.
    private static let kernelBytesPerThread = 4 << 20

    /// - Parameters:
    ///   - segment: the graph with its bounds; weights may lack data.
    ///   - devices: of the plan, those that keep the values between their nodes in the host's memory.
    ///   - threads: of a backend.
    /// - Throws: `outOfMemory` for values that are too large to address.
    static func bytes(_ segment: Segment, _ plan: ExecutionPlan, on devices: Set<Int>, threads: Int, vocabulary: Int) throws -> Int {
        let graph = segment.graph
        func bytes(_ value: Int) -> Int {
            graph.values[value].bytes(
                tokens: segment.bounds.tokens, sequences: segment.bounds.sequences, rows: segment.bounds.rows)
        }
        let exchanged = try plan.hostExchangeBytes(for: segment)
        // Values that never leave a device share its arena with those that are not needed at the same time.
        var lives: [Int: ClosedRange<Int>] = [:]
        for (number, (node, device)) in zip(graph.nodes, plan.deviceOfNode).enumerated() where devices.contains(device) {
            for value in node.outputs { lives[value] = number...number }
            for case .value(let value) in node.inputs { if let life = lives[value] { lives[value] = life.lowerBound...number } }
        }
        var changes = Array(repeating: 0, count: graph.nodes.count + 1)
        for (value, life) in lives {
            let bytes = bytes(value)
            guard bytes < 1 << 48 else { throw HadalError(.outOfMemory, "the activations of this step are too large to address") }
            changes[life.lowerBound] += bytes
            changes[life.upperBound + 1] -= bytes
        }
        var (alive, most) = (0, 0)
        for change in changes {
            alive += change
            most = max(most, alive)
        }
        // Each sequence may have a session, with the logits of its last token.
        let sessions = segment.bounds.sequences * vocabulary * MemoryLayout<Float>.size
        return exchanged + most + most / 4 + threads * kernelBytesPerThread + sessions + vocabulary * bytesPerToken
    }
}
