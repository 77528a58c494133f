import HadalCore
import HadalGraph

/// Finds what defines an op.
extension OperatorTable {
    private static let types = Dictionary(all.map { ($0.op, $0) }, uniquingKeysWith: { first, _ in first })

    /// - Parameter contracts: the installation's ops and the user's. The expression of a contract comes before what is written here.
    static func make(_ node: NodeView, contracts: OpCatalogue) throws -> any NodeRunner {
        let op = node.node.op
        let contract = contracts.contracts[op]
        if let contract, case .expressions(let expressions)? = contract.reference {
            try node.checkOperands()
            return try ExpressionOperator(node, contract, expressions)
        }
        guard let type = types[op] else {
            if case .backend(let name)? = contract?.reference {
                throw node.fail(.unsupported, "the kernel of backend '\(name)' is what defines this op: its contract gives no expression")
            }
            throw node.fail(
                .unsupported,
                contract == nil
                    ? "no such op" : "no type in Plugins/Reference/Ops defines it in this build, and its contract has no 'reference'")
        }
        try node.checkOperands()
        return try type.init(node)
    }
}
