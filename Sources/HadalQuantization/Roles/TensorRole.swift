import HadalArchitecture
import HadalCore

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

/// Roles by the tensor names that the GGUF specification gives, for models whose computation no description tells.
enum TensorNameRoles {
    /// The first pattern that fits counts.
    private static let patterns: [(pattern: Glob, role: TensorRole)] = [
        ("*.bias", .plain), ("*_norm*", .plain), ("*ssm_a", .plain), ("*ssm_d", .plain), ("*ssm_conv1d*", .plain),
        ("*shortconv.conv*", .plain), ("*nextn.eh_proj*", .attention), ("*ffn_gate_inp*", .router), ("*_exps*", .experts),
        ("*_shexp*", .shared),
        ("*attn_*", .attention), ("*indexer*", .attention), ("*ssm_*", .attention), ("*shortconv*", .attention), ("*ffn_*", .ffn),
        ("token_embd*", .embedding), ("position_embd*", .embedding), ("per_layer_token_embd*", .embedding), ("output.weight", .output),
    ].map { (Glob($0), $1) }

    static func role(of name: String) -> TensorRole? { patterns.first { $0.pattern.matches(name) }?.role }
}
