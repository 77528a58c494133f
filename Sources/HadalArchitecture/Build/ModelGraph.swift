package import HadalCore
import HadalFormats
package import HadalGraph

/// A model as the engine runs it: its graphs, and where each of their weights comes from.
///
/// Holds no tensor data. Immutable.
package struct ModelGraph: Sendable {
    /// The family, and the variant if there is one.
    package let architecture: String
    package let variant: String?
    /// Why this description was chosen, a sentence each.
    package let reasons: [String]
    /// By name; "main" is always there.
    package let graphs: [String: Graph]
    /// Every weight that some graph uses, by the name of its `Graph.Weight`.
    package let weights: [String: WeightBinding]
    /// For each graph, values with a name for the outside: "hidden.embed", "hidden.0", "hidden.norm".
    package let hidden: [String: [String: Int]]
    /// For each graph, the inputs of its own that values of the main graph are meant for, by the names those have in `hidden`.
    package let feeds: [String: [String: String]]
    /// Every state that some graph uses. States of one name are one state.
    package let states: [Graph.State]
    package let parameters: [ResolvedParameter]
    package let layerCount: Int
    package let width: Int
    package let contextLength: Int
    package let vocabularySize: Int
    /// Tokens that texts to be embedded are cut at; nil: nothing is said.
    package let textLength: Int?
    /// What the main graph gives for each row that is requested.
    package let result: ModelResult
    /// Whether a step takes all of a sequence or nothing of it: a token sees later ones, or a text's tokens become one row.
    package let needsWholeSequences: Bool
    /// How it is asked whether a document fits a query, where it gives logits; nil: nothing is known of that.
    package let rerankPrompt: RerankPrompt?
    /// The key that has rotary frequencies follow the length of the sequence beyond `contextLength`, which Hadal does not do; nil: none.
    package let dynamicRope: String?
    /// Tensors of the model that no graph uses, and other things worth saying.
    package let warnings: [String]

    package var main: Graph { graphs["main"] ?? Graph(name: "main") }

    /// The bindings of a graph's weights, in the order of its `weights`.
    package func bindings(of graph: Graph) throws -> [WeightBinding] {
        try graph.weights.map { weight in
            guard let binding = weights[weight.name] else {
                throw HadalError(.notFound, "no weight '\(weight.name)' in this model")
            }
            return binding
        }
    }

    /// Bytes that the weights of the main graph take, in their own types.
    package var weightBytes: Int {
        main.weights.reduce(0) { total, weight in
            let bytes = WeightRecipe.product(weight.dims).flatMap { weight.dtype.byteCount(elements: $0) } ?? 0
            return total.addingReportingOverflow(bytes).overflow ? Int.max : total + bytes
        }
    }

    /// Bytes of state that one token takes in the main graph, with elements of a type of `DType.stateTypes`.
    package func stateBytesPerToken(_ dtype: DType) -> Int {
        main.states.reduce(0) { $0 + ($1.isFixed ? 0 : $1.heads * (dtype.stateRowBytes(width: $1.width) ?? 0)) }
    }

    /// Bytes of the main graph's states of fixed size, for each sequence.
    package var fixedStateBytes: Int { main.fixedStateBytes }
}
