/// What tuning found for an op on a device.
public struct TuningResult: Sendable {
    public struct Kernel: Sendable {
        /// `stage`, or `stage.variant`.
        public var name: String
        /// Geometric means over the shapes that run it, in microseconds: with the usual values, and with the best.
        public var usual: Double
        public var best: Double
        /// The values to use; empty: the usual ones.
        public var values: [String: Int]
        /// Choices that were timed or refused, beside the usual one, and those that time was too short for.
        public var tried: Int
        public var untried: Int
    }

    public var op: String
    public var kernels: [Kernel] = []
    /// Kernels that none of the shapes runs.
    public var unreached: [String] = []
    /// Choices that the device refused, or with which results were wrong, and why.
    public var rejected: [String] = []

    public init(op: String) { self.op = op }

    /// Parameters by kernel, of those that have others than the usual.
    public var values: [String: [String: Int]] {
        Dictionary(kernels.filter { !$0.values.isEmpty }.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
    }
}
