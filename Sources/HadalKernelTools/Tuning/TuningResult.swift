/// What tuning found for an op on a device.
package struct TuningResult: Sendable {
    package struct Kernel: Sendable {
        /// `stage`, or `stage.variant`.
        package var name: String
        /// Geometric means over the shapes that run it, in microseconds: with the usual values, and with the best.
        package var usual: Double
        package var best: Double
        /// The values to use; empty: the usual ones.
        package var values: [String: Int]
        /// Choices that were timed or refused, beside the usual one, and those that time was too short for.
        package var tried: Int
        package var untried: Int
    }

    package var op: String
    package var kernels: [Kernel] = []
    /// Kernels that none of the shapes runs.
    package var unreached: [String] = []
    /// Choices that the device refused, or with which results were wrong, and why.
    package var rejected: [String] = []

    package init(op: String) { self.op = op }

    /// Parameters by kernel, of those that have others than the usual.
    package var values: [String: [String: Int]] {
        Dictionary(kernels.filter { !$0.values.isEmpty }.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
    }
}
