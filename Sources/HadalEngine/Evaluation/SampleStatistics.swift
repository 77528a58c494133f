/// Mean, spread and quantiles of numbers, one a scored token.
struct SampleStatistics {
    private(set) var values: [Float] = []
    private var sum = 0.0
    private var squares = 0.0

    mutating func add(_ value: Double) {
        // Welford's update keeps the variance exact for long texts.
        let before = mean
        values.append(Float(value))
        sum += value
        squares += (value - before) * (value - mean)
    }

    var mean: Double { values.isEmpty ? 0 : sum / Double(values.count) }

    /// Of the mean, from the sample's variance; nil for fewer than two values.
    var standardError: Double? {
        values.count < 2 ? nil : (max(squares, 0) / Double(values.count - 1) / Double(values.count)).squareRoot()
    }

    /// Values at shares of the sorted list, linearly between neighbours.
    func quantiles(_ shares: [Double]) -> [Double] {
        let sorted = values.sorted()
        guard let last = sorted.indices.last else { return shares.map { _ in 0 } }
        return shares.map { share in
            let at = share * Double(last)
            let low = min(Int(at), last)
            let high = min(low + 1, last)
            return Double(sorted[low]) + (Double(sorted[high]) - Double(sorted[low])) * (at - Double(low))
        }
    }
}
