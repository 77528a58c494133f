import HadalCore
import HadalFormats
import HadalGraph

/// A model as the engine runs it: its graphs, and where each of their weights comes from.
///
/// Holds no tensor data. Immutable.
public struct ModelGraph: Sendable {
    /// The family, and the variant if there is one.
    public let architecture: String
    public let variant: String?
    /// Why this description was chosen, a sentence each.
    public let reasons: [String]
    /// By name; "main" is always there.
    public let graphs: [String: Graph]
    /// Every weight that some graph uses, by the name of its `Graph.Weight`.
    public let weights: [String: WeightBinding]
    /// For each graph, values with a name for the outside: "hidden.embed", "hidden.0", "hidden.norm".
    public let hidden: [String: [String: Int]]
    /// For each graph, the inputs of its own that values of the main graph are meant for, by the names those have in `hidden`.
    public let feeds: [String: [String: String]]
    /// Every state that some graph uses. States of one name are one state.
    public let states: [Graph.State]
    public let parameters: [ResolvedParameter]
    public let layerCount: Int
    public let width: Int
    public let contextLength: Int
    public let vocabularySize: Int
    /// The key that has rotary frequencies follow the length of the sequence beyond `contextLength`, which Hadal does not do; nil: none.
    public let dynamicRope: String?
    /// Tensors of the model that no graph uses, and other things worth saying.
    public let warnings: [String]

    public var main: Graph { graphs["main"] ?? Graph(name: "main") }

    /// The bindings of a graph's weights, in the order of its `weights`.
    public func bindings(of graph: Graph) throws -> [WeightBinding] {
        try graph.weights.map { weight in
            guard let binding = weights[weight.name] else {
                throw HadalError(.notFound, "no weight '\(weight.name)' in this model")
            }
            return binding
        }
    }

    /// Bytes that the weights of the main graph take, in their own types.
    public var weightBytes: Int {
        main.weights.reduce(0) { total, weight in
            let bytes = WeightRecipe.product(weight.dims).flatMap { weight.dtype.byteCount(elements: $0) } ?? 0
            return total.addingReportingOverflow(bytes).overflow ? Int.max : total + bytes
        }
    }

    /// Bytes of state that one token takes in the main graph, with elements of `elementBytes`.
    public func stateBytesPerToken(elementBytes: Int) -> Int {
        main.states.reduce(0) { $0 + $1.heads * $1.width * elementBytes }
    }
}
