import HadalCore

/// A parameter's value and where it came from.
public struct ResolvedParameter: Sendable, Equatable {
    public let name: String
    public let value: ExpressionValue
    /// "config.json hidden_size", "general.file_type", "default: n_heads", "d_model / n_heads".
    public let origin: String
    public let help: String
}
