/// Every column convolved over time with K weights of its own: K - 1 tokens back, and the token itself.
struct ShortConv: Operator {
    static let op = "short_conv"
    private let weight: WeightMatrix
    private let bias: WeightMatrix?
    private let usesSiLU: Bool
    private let width: Int
    private let taps: Int

    init(_ node: NodeView) throws {
        usesSiLU = try node.bool("silu")
        width = try node.width(0)
        weight = try node.matrix(1)
        taps = weight.columns
        try node.require(weight.rows == width && taps > 1, "a weight of \(weight.rows) x \(taps) for \(width) columns")
        bias = try node.optionalVector(2, count: width)
        try node.requireSameShape()
        try node.state(0, heads: 1, rows: taps - 1, width: width)
    }

    func run(_ call: OperatorCall) throws {
        let (x, y, past) = (try call.rows(0), try call.output(), call.cache(0))
        try call.requireEveryToken(x.count)
        let bias = bias?.vector()
        for sequence in call.step.sequences where sequence.count > 0 {
            let before = past.before(sequence, head: 0)
            /// The input at a row counted from the sequence's first token of the step, negative ones those before it.
            func input(_ row: Int, _ column: Int) -> Float {
                row >= 0 ? x[sequence.first + row][column] : before.map { $0[(taps - 1 + row) * width + column] } ?? 0
            }
            for column in 0..<width {
                let factors = weight.vector(row: column)
                for t in 0..<sequence.count {
                    var sum = bias.map { Double($0[column]) } ?? 0
                    for tap in 0..<taps { sum += Double(factors[tap]) * Double(input(t - taps + 1 + tap, column)) }
                    y[sequence.first + t][column] = Float(usesSiLU ? sum / (1 + exponential(-sum)) : sum)
                }
            }
            guard let after = past.after(sequence, head: 0) else { continue }
            for row in 0..<taps - 1 {
                for column in 0..<width { after[row * width + column] = input(sequence.count - taps + 1 + row, column) }
            }
        }
    }
}
