/// What a tensor is for: the groups that rules may name.
public enum TensorRole: String, Sendable, CaseIterable {
    /// Rows for token ids.
    case embedding
    /// Makes the logits.
    case output
    /// Projections into and out of attention.
    case attention
    /// The feed-forward networks that every token passes.
    case ffn
    /// Feed-forward networks that a router chooses from.
    case experts
    /// Feed-forward networks beside chosen experts.
    case shared
    /// Scores experts.
    case router
    /// Norms, biases and whatever else an op takes only as plain floats.
    case plain
}
