/// What computes a node: made once, run many times.
protocol NodeRunner: Sendable {
    /// Computes the node's outputs, every element of them.
    func run(_ call: OperatorCall) throws
}

/// One op's definition, bound to one node: attributes read and shapes checked once.
///
/// A file `Ops/<Type>.swift` declares one, `struct <Type>`, and nothing lists it: the build makes `OperatorTable.all` from the names of these files.
protocol Operator: NodeRunner {
    /// Its name in graphs.
    static var op: String { get }
    /// - Throws: `HadalError` saying why the node cannot run. Weights may lack data.
    init(_ node: NodeView) throws
}
