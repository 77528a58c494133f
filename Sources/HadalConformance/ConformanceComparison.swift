import HadalCore
import HadalGraph

/// How a candidate's numbers compare with the reference's, within a contract's tolerance.
struct ConformanceComparison {
    struct Difference {
        var index: Int
        var expected: Double
        var got: Double
        /// What was exceeded: "tolerance 0.0001 + 0.0001 |expected|".
        var bound: String
        /// Elements beyond the bound, of how many; nil where only all of them together are bounded.
        var wrong: (count: Int, of: Int)?
        /// The output's extents in the draw that the element is of.
        var shape: [Int] = []
    }

    /// Squared errors and squares of outputs that only hold to the bound for quantised weights, over several draws.
    private(set) var squaredError = 0.0
    private(set) var squaredReference = 0.0
    private(set) var count = 0
    private var worst: (index: Int, expected: Double, got: Double, error: Double, shape: [Int])?

    /// The worst element beyond |a - b| <= absolute + relative |b|, or nil.
    static func elementwise(expected: [Double], got: [Double], absolute: Double, relative: Double) -> Difference? {
        elementwise(expected: expected, got: got, "tolerance \(absolute) + \(relative) |expected|") {
            absolute + relative * abs(expected[$0])
        }
    }

    /// The worst element that lies further from the expected one than is allowed for it, or nil.
    ///
    /// - Parameter bound: what `allowed` is called.
    static func elementwise(expected: [Double], got: [Double], _ bound: String, allowed: (Int) -> Double) -> Difference? {
        guard expected.count == got.count else {
            return Difference(
                index: min(expected.count, got.count), expected: .nan, got: .nan, bound: "\(expected.count) elements, not \(got.count)")
        }
        var worst: (index: Int, excess: Double)?
        var wrong = 0
        for i in expected.indices where !same(expected[i], got[i]) {
            let allowed = allowed(i)
            let error = abs(expected[i] - got[i])
            // Anything but a finite error is as bad as can be.
            if error <= allowed, expected[i].isFinite { continue }
            let excess = error.isFinite ? error - allowed : .infinity
            wrong += 1
            if worst.map({ excess > $0.excess }) ?? true { worst = (i, excess) }
        }
        return worst.map {
            Difference(
                index: $0.index, expected: expected[$0.index], got: got[$0.index],
                bound: bound, wrong: (wrong, expected.count))
        }
    }

    private static func same(_ a: Double, _ b: Double) -> Bool { a == b || (a.isNaN && b.isNaN) }

    /// Adds one draw to the sums. A number that is not finite, or an element too wrong to be rounding, shows at once.
    mutating func add(expected: [Double], got: [Double], shape: [Int]) -> Difference? {
        guard expected.count == got.count else {
            return Difference(
                index: min(expected.count, got.count), expected: .nan, got: .nan, bound: "\(expected.count) elements, not \(got.count)")
        }
        for i in expected.indices {
            let error = got[i] - expected[i]
            guard error.isFinite else {
                let wrong = expected.indices.count { !(got[$0] - expected[$0]).isFinite }
                return Difference(index: i, expected: expected[i], got: got[i], bound: "a finite number", wrong: (wrong, expected.count))
            }
            squaredError += error * error
            squaredReference += expected[i] * expected[i]
            count += 1
            if worst.map({ abs(error) > $0.error }) ?? true { worst = (i, expected[i], got[i], abs(error), shape) }
        }
        return nil
    }

    /// After all draws: the bound on the relative root mean square, and on any one element.
    func conclusion(_ tolerance: OpContract.Tolerance) -> Difference? {
        guard let worst, count > 0 else { return nil }
        let scale = (squaredReference / Double(count)).squareRoot()
        let error = (squaredError / Double(count)).squareRoot()
        if error > tolerance.quantised * scale {
            return Difference(
                index: worst.index, expected: worst.expected, got: worst.got,
                bound: "root mean square error \(error / scale) of the outputs' own, at most \(tolerance.quantised)", shape: worst.shape)
        }
        // Rounding spreads over all elements; a fault may sit in one.
        if worst.error > 10 * tolerance.quantised * scale {
            return Difference(
                index: worst.index, expected: worst.expected, got: worst.got,
                bound: "an error of at most \(10 * tolerance.quantised) times the outputs' root mean square \(scale)", shape: worst.shape)
        }
        return nil
    }
}
