/// The ops that the host reasons about by name. Every other op is known by its contract alone, and these where a key of the contract will do.
package enum Op {
    /// The last one makes the logits; what its weight is for follows from what its result flows into; backends pack it and fuse others with it.
    package static let linear = "linear"
    /// Of its weights a step reads a row for each token, and its input is a token's id.
    package static let embedding = "embedding"
    /// Of its weights a step reads those that are chosen; they may be left on disk.
    package static let experts = "experts"
    /// Chooses experts: those of the next layer are guessed with its weights.
    package static let router = "router"
    /// Which elements it takes together decides the order of a projection's rows in a file; one table of angles serves all layers.
    package static let rope = "rope"
    /// A norm of whole rows, which can be fused with the linears after it.
    package static let rmsNorm = "rms_norm"
    /// Can be fused with the two linears before it.
    package static let glu = "glu"
    /// Several calls: its weight is multiplied into the query, or into the cached rows.
    package static let latentAttention = "latent_attention"
    /// Several calls: what threads choose from their share of the cache is brought together.
    package static let indexer = "indexer"
    /// A copy of rows where there is one part: outputs that are inputs too, or listed twice.
    package static let split = "split"
}
