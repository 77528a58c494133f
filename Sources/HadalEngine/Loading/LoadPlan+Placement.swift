public import HadalBackend
import HadalCore
import HadalGraph

extension LoadPlan {
    /// Tokens of the largest step; 0 where the model cannot be placed.
    public var stepTokens: Int { bounds?.tokens ?? 0 }

    /// The ops of a part, in the order in which they run.
    public func ops(of part: ExecutionPlan.Part) -> [(label: String, op: String)] { graph.nodes[part.nodes].map { ($0.label, $0.op) } }

    /// Bytes of the values that cross between devices in a step of `tokens` tokens of one sequence.
    public func crossingBytes(tokens: Int) -> Int { placement?.crossingBytes(in: graph, tokens: tokens, rows: 1) ?? 0 }

    /// Bytes that are copied between devices in such a step: none where they share the host's memory.
    public func copiedBytes(tokens: Int) -> Int { placement?.copiedBytes(in: graph, tokens: tokens, rows: 1) ?? 0 }
}
