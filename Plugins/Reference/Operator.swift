import HadalGraph

/// What computes a node: made once, run many times.
protocol NodeRunner: Sendable {
    /// Computes the node's outputs, every element of them.
    func run(_ call: OperatorCall) throws
}

/// One op's definition, bound to one node: attributes read and shapes checked once.
protocol Operator: NodeRunner {
    /// - Throws: `HadalError` saying why the node cannot run. Weights may lack data.
    init(_ node: NodeView) throws
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

    /// - Parameter contracts: of the user's own ops, which may be given by expressions; these come before what is written here.
    static func make(_ node: NodeView, contracts: OpCatalogue? = nil) throws -> any NodeRunner {
        let contract = contracts?.contracts[node.node.op]
        if let contract, case .expressions(let expressions)? = contract.reference {
            try node.checkOperands()
            return try ExpressionOperator(node, contract, expressions)
        }
        guard let type = types[node.node.op] else {
            if case .backend(let name)? = contract?.reference {
                throw node.fail(.unsupported, "the kernel of backend '\(name)' is what defines this op: its contract gives no expression")
            }
            throw node.fail(.unsupported, contract == nil ? "no such op" : "the op's contract has no 'reference'")
        }
        try node.checkOperands()
        return try type.init(node)
    }
}
