import HadalArchitecture
import HadalCore

/// Roles by the tensor names that the GGUF specification gives, for models whose computation no description tells.
enum TensorNameRoles {
    /// The first pattern that fits counts.
    private static let patterns: [(pattern: Glob, role: TensorRole)] = [
        ("*.bias", .plain), ("*_norm*", .plain), ("*ffn_gate_inp*", .router), ("*_exps*", .experts), ("*_shexp*", .shared),
        ("*attn_*", .attention), ("*indexer*", .attention), ("*ffn_*", .ffn), ("token_embd*", .embedding), ("position_embd*", .embedding),
        ("output.weight", .output),
    ].map { (Glob($0), $1) }

    static func role(of name: String) -> TensorRole? { patterns.first { $0.pattern.matches(name) }?.role }
}
