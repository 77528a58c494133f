import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph

/// How far two backends' results of one saved node lie apart when both are given the same inputs.
package struct NodeComparison: Sendable {
    /// Largest over the outputs: sqrt(mean (a - b)^2) / sqrt(mean b^2); infinite when one side is not finite and the other is.
    package private(set) var relative = 0.0

    /// - Throws: when one of the two does not run the node.
    package init(_ node: SavedNode, _ a: KernelWorkbench, _ b: KernelWorkbench) throws {
        let trial = try node.trial(a.catalogue, path: node.label)
        for bench in [a, b] {
            if let reason = bench.device.unsupported(node: 0, of: trial.segment) {
                throw HadalError(.unsupported, "\(bench.specification) does not run \(node.label) (\(node.op)) on its own: \(reason)")
            }
        }
        let (x, y) = (trial.numbers(try trial.run(on: a.device)), trial.numbers(try trial.run(on: b.device)))
        for (left, right) in zip(x, y) {
            var (difference, norm) = (0.0, 0.0)
            for (p, q) in zip(left, right) where !(p == q || (p.isNaN && q.isNaN)) { difference += (p - q) * (p - q) }
            for q in right { norm += q * q }
            let error = difference == 0 ? 0 : norm > 0 && difference.isFinite ? (difference / norm).squareRoot() : .infinity
            relative = max(relative, error)
        }
    }
}
