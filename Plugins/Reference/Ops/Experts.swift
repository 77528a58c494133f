import HadalCore

/// For each token, the weighted sum of the chosen experts' gated feed-forward networks.
struct Experts: Operator {
    static let op = "experts"
    private enum Weighted: String { case output, input }
    private let gate: WeightMatrix
    private let up: WeightMatrix
    private let down: WeightMatrix
    private let gateBias: WeightMatrix?
    private let upBias: WeightMatrix?
    private let downBias: WeightMatrix?
    private let unit: GatedUnit
    private let weighsInput: Bool
    private let experts: Int
    private let inner: Int
    private let width: Int

    init(_ node: NodeView) throws {
        unit = try GatedUnit(node)
        weighsInput = try node.choice("weighted", Weighted.self) == .input
        gate = try node.matrix(3)
        up = try node.matrix(4)
        down = try node.matrix(5)
        let dims = try node.weightDims(3)
        try node.require(dims.count == 3, "gate has \(dims.count) dimensions")
        experts = dims[0]
        inner = dims[1]
        width = dims[2]
        try node.require(
            try node.weightDims(4) == dims && node.weightDims(5) == [experts, width, inner],
            "gate, up and down do not fit together")
        gateBias = try Self.bias(node, 6, [experts, inner])
        upBias = try Self.bias(node, 7, [experts, inner])
        downBias = try Self.bias(node, 8, [experts, width])
        try node.requireSameRows([0, 1, 2])
        try node.require(
            try node.width(0) == width && node.outputWidth() == width && node.width(1) == node.width(2), "widths do not fit")
    }

    private static func bias(_ node: NodeView, _ input: Int, _ dims: [Int]) throws -> WeightMatrix? {
        guard let bias = try node.optionalMatrix(input) else { return nil }
        try node.require(try node.weightDims(input) == dims, "bias input \(input) is not \(dims[0]) x \(dims[1])")
        return bias
    }

    func run(_ call: OperatorCall) throws {
        let (x, indices, weights, y) = (try call.rows(0), try call.integers(1), try call.rows(2), try call.output())
        // Which tokens chose each expert, and with what weight.
        var chosen = [[(token: Int, weight: Double)]](repeating: [], count: experts)
        for n in 0..<x.count {
            for k in 0..<indices.width {
                let expert = Int(indices[n][k])
                guard (0..<experts).contains(expert) else {
                    throw HadalError(.invalidArgument, "expert \(expert) of \(experts)")
                }
                chosen[expert].append((n, Double(weights[n][k])))
            }
        }
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: max(x.count * width, 1))
        defer { sums.deallocate() }
        sums.initialize(repeating: 0)
        for expert in 0..<experts where !chosen[expert].isEmpty {
            guard !call.isCancelled else { return }
            add(expert, chosen[expert], x, Sums(base: sums), call)
        }
        for i in 0..<x.count * width { y.base[i] = Float(sums[i]) }
    }

    private struct Sums: @unchecked Sendable { let base: UnsafeMutableBufferPointer<Double> }
    /// Between up and down: tokens that chose the expert x inner.
    private struct Hidden: @unchecked Sendable { let base: UnsafeMutablePointer<Double> }

    /// Adds one expert's output for the tokens that chose it.
    private func add(_ expert: Int, _ tokens: [(token: Int, weight: Double)], _ x: Rows, _ sums: Sums, _ call: OperatorCall) {
        let (gateBias, upBias, downBias) = (
            gateBias?.vector(row: expert), upBias?.vector(row: expert), downBias?.vector(row: expert)
        )
        let hidden = Hidden(base: .allocate(capacity: tokens.count * inner))
        defer { hidden.base.deallocate() }
        let cost = tokens.count * inner * width
        call.pool.forEach(inner, cost: cost) { range in
            withScratch(width * 2) { rows in
                let (gateRow, upRow) = (rows, rows + width)
                for f in range {
                    gate.decode(row: expert * inner + f, into: gateRow)
                    up.decode(row: expert * inner + f, into: upRow)
                    for (i, entry) in tokens.enumerated() {
                        let factor = weighsInput ? entry.weight : 1
                        let g = factor * dot(x[entry.token], gateRow, width) + (gateBias.map { Double($0[f]) } ?? 0)
                        let u = factor * dot(x[entry.token], upRow, width) + (upBias.map { Double($0[f]) } ?? 0)
                        hidden.base[i * inner + f] = unit(gate: g, up: u)
                    }
                }
            }
        }
        call.pool.forEach(width, cost: cost) { range in
            withScratch(inner) { row in
                for d in range {
                    down.decode(row: expert * width + d, into: row)
                    for (i, entry) in tokens.enumerated() {
                        let value = dot(hidden.base + i * inner, row, inner) + (downBias.map { Double($0[d]) } ?? 0)
                        sums.base[entry.token * width + d] += (weighsInput ? 1 : entry.weight) * value
                    }
                }
            }
        }
    }
}
