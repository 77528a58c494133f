import HadalArchitecture
import HadalBackend
import HadalCore
import HadalGraph

/// What drafting takes of the host's memory: a model that drafts, and the model's own prediction layer.
struct DraftCosts: Sendable {
    /// Weights and work space.
    var bytes = 0
    /// For each token that the model's own cache holds.
    var cacheBytesPerToken = 0
    /// For each token of a session.
    var contextBytesPerToken = 0

    /// Adds a model that drafts, which is planned without a budget of its own.
    mutating func add(_ draft: LoadPlan) {
        guard let division = draft.division else { return }
        bytes += division.weightBytes + division.scratchBytes
        // Each of the engine's sessions has one of the draft's, of which as many are kept as fit twice the context.
        contextBytesPerToken += 2 * division.cacheBytesPerToken
    }

    /// Adds a model's prediction layer.
    ///
    /// - Parameter isDrafting: whether it has a cache as large as the model's, and not only one for a session.
    mutating func add(predictionOf description: ModelDescription, cacheDType: DType, isDrafting: Bool) {
        guard let graph = description.graph.graphs[PredictionPlan.graphName] else { return }
        // Files repeat the embedding and the head, which are held once.
        let main = description.graph.main
        let tables = Set(main.weights.filter { $0.dims.first == description.graph.vocabularySize }.map(\.dims))
        bytes += graph.weights.reduce(0) { tables.contains($1.dims) ? $0 : $0 + $1.bytes }
        let row = graph.states.reduce(0) { $0 + $1.heads * (cacheDType.stateRowBytes(width: $1.width) ?? 0) }
        if isDrafting { cacheBytesPerToken += row } else { contextBytesPerToken += row }
    }
}
