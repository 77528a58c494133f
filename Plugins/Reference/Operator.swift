/// One op's definition, bound to one node: attributes read and shapes checked once, run many times.
protocol Operator: Sendable {
    /// - Throws: `HadalError` saying why the node cannot run. Weights may lack data.
    init(_ node: NodeView) throws
    /// Computes the node's outputs, every element of them.
    func run(_ call: OperatorCall) throws
}

/// Every op by name.
enum OperatorTable {
    static let types: [String: any Operator.Type] = [
        "activation": Activation.self,
        "add": Add.self,
        "attention": Attention.self,
        "clamp": Clamp.self,
        "concat": Concat.self,
        "embedding": Embedding.self,
        "experts": Experts.self,
        "gather_rows": GatherRows.self,
        "glu": GLU.self,
        "indexer": Indexer.self,
        "latent_attention": LatentAttention.self,
        "layer_norm": LayerNorm.self,
        "linear": Linear.self,
        "mul": Mul.self,
        "rms_norm": RMSNorm.self,
        "rope": Rope.self,
        "router": Router.self,
        "scale": Scale.self,
        "softcap": Softcap.self,
        "split": Split.self,
    ]

    static func make(_ node: NodeView) throws -> any Operator {
        guard let type = types[node.node.op] else { throw node.fail(.unsupported, "no such op") }
        try node.checkOperands()
        return try type.init(node)
    }
}
