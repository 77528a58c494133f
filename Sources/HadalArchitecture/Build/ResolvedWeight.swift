package import HadalCore
import HadalFormats

/// A weight of one model, found and checked.
struct ResolvedWeight {
    var name: String
    var recipe: WeightRecipe
    var dtype: DType
    var dims: [Int]
}

/// A parameter's value and where it came from.
package struct ResolvedParameter: Sendable, Equatable {
    package let name: String
    package let value: ExpressionValue
    /// "config.json hidden_size", "general.file_type", "default: n_heads", "d_model / n_heads".
    package let origin: String
    package let help: String
}
