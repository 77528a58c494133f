import HadalCore
import HadalFormats

/// A weight of one model, found and checked.
struct ResolvedWeight {
    var name: String
    var recipe: WeightRecipe
    var dtype: DType
    var dims: [Int]
}
