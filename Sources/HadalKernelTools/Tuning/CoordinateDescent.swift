/// Looks for the values that take the least time by changing one parameter at a time, starting at the usual values, until no change helps.
///
/// For parameters of so many values each this tries about their sum, where all combinations would be their product.
struct CoordinateDescent {
    struct Result {
        var values: [String: Int]
        var best: Double
        /// Choices that were measured, beside the usual one.
        var tried = 0
        /// Choices that time was too short for.
        var untried = 0
    }

    /// Times that differ by less than this share are taken to be the same.
    static let leastGain = 0.02

    /// The usual value of each first.
    let parameters: [(name: String, values: [Int])]

    /// - Parameters:
    ///   - usual: the time with the usual values.
    ///   - isOver: asked before each choice.
    ///   - measure: the time with a choice; nil: it is not to be taken.
    func run(usual: Double, isOver: () -> Bool, measure: ([String: Int]) -> Double?) -> Result {
        var result = Result(
            values: Dictionary(parameters.map { ($0.name, $0.values[0]) }, uniquingKeysWith: { first, _ in first }), best: usual)
        var seen: Set<[String: Int]> = [result.values]
        var isBetter = true
        while isBetter, result.untried == 0 {
            isBetter = false
            for parameter in parameters {
                let start = result.values
                for value in parameter.values {
                    let candidate = start.merging([parameter.name: value]) { $1 }
                    guard seen.insert(candidate).inserted else { continue }
                    guard !isOver() else {
                        result.untried += 1
                        continue
                    }
                    result.tried += 1
                    guard let time = measure(candidate), time < result.best * (1 - Self.leastGain) else { continue }
                    (result.values, result.best, isBetter) = (candidate, time, true)
                }
            }
        }
        return result
    }
}
