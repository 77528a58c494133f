/// Scores every expert for every token and picks the top_k, with their weights.
struct Router: Operator {
    static let op = "router"
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private enum Scoring: String { case softmax, sigmoid, sqrt_softplus, softmax_topk, sparse_mixer }
    private enum GroupScore: String { case max, top2 }
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private enum Dropped: String { case zero, negative_infinity }

    private let weight: WeightMatrix
    private let bias: WeightMatrix?
    private let selectionBias: WeightMatrix?
    private let expertScale: WeightMatrix?
    private let experts: Int
    private let topK: Int
    private let scoring: Scoring
    private let groups: Int
    private let topGroups: Int
    private let groupScore: GroupScore
    private let dropped: Dropped
    private let normalise: Bool
    private let scale: Double
    private let within: Double

    init(_ node: NodeView) throws {
        weight = try node.matrix(1)
        experts = weight.rows
        bias = try node.optionalVector(2, count: experts)
        selectionBias = try node.optionalVector(3, count: experts)
        expertScale = try node.optionalVector(4, count: experts)
        topK = try node.int("top_k")
        scoring = try node.choice("scoring", Scoring.self)
        groups = try node.int("groups")
        topGroups = try node.int("top_groups")
        groupScore = try node.choice("group_score", GroupScore.self)
        dropped = try node.choice("dropped", Dropped.self)
        normalise = try node.bool("normalise")
        scale = try node.float("scale")
        within = try node.float("within")
        try node.require((1...experts).contains(topK), "top \(topK) of \(experts) experts")
        try node.require(
            groups > 0 && experts % groups == 0 && (1...groups).contains(topGroups) && topK <= topGroups * (experts / groups),
            "top \(topK) of \(topGroups) of \(groups) groups of \(experts) experts")
        try node.require(
            groups == 1 || scoring != .softmax_topk && scoring != .sparse_mixer, "groups are chosen by scores, which \(scoring) has not")
        try node.require(groups == 1 || groupScore == .max || experts / groups >= 2, "groups of one have no two best")
        try node.requireSameRows([0])
        try node.require(
            try node.width(0) == weight.columns && node.outputWidth(0) == topK && node.outputWidth(1) == topK,
            "widths do not fit a weight of \(weight.rows) x \(weight.columns) and top \(topK)")
    }

    func run(_ call: OperatorCall) throws {
        let (x, indices, weights) = (try call.rows(0), try call.integerOutput(0), try call.output(1))
        let (bias, selectionBias, expertScale) = (bias?.vector(), selectionBias?.vector(), expertScale?.vector())
        let rows = (0..<experts).map { weight.vector(row: $0) }
        for n in 0..<x.count {
            let logits = rows.indices.map { e in dot(x[n], rows[e], x.width) + (bias.map { Double($0[e]) } ?? 0) }
            let scores = score(logits)
            var choice = scores.indices.map { e in scores[e] + (selectionBias.map { Double($0[e]) } ?? 0) }
            let kept = keptExperts(choice)
            for e in 0..<experts where !kept[e] { choice[e] = dropped == .zero ? 0 : -.infinity }
            let chosen = Array(Self.descending(choice)[..<topK])

            // An expert outside the kept groups has no weight, should it be chosen for want of a better one.
            var chosenWeights = chosen.map { kept[$0] ? scores[$0] : 0 }
            if scoring == .softmax_topk { softmax(&chosenWeights) }
            if scoring == .sparse_mixer { chosenWeights = mixed(logits, chosen) }
            let divisor = normalise ? chosenWeights.reduce(0, +) + 1e-20 : 1
            for k in 0..<topK {
                indices[n][k] = Int32(chosen[k])
                weights[n][k] = Float(chosenWeights[k] / divisor * scale * (expertScale.map { Double($0[chosen[k]]) } ?? 1))
            }
        }
    }

    /// Indices by falling score; ties by rising index.
    private static func descending(_ scores: [Double]) -> [Int] {
        scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    }

    private func score(_ logits: [Double]) -> [Double] {
        switch scoring {
        case .softmax:
            var scores = logits
            softmax(&scores)
            return scores
        case .sigmoid: return logits.map { ElementwiseFunction.sigmoid($0) }
        case .sqrt_softplus: return logits.map { ElementwiseFunction.softplus($0).squareRoot() }
        case .softmax_topk, .sparse_mixer: return logits
        }
    }

    /// The share of each choice in a softmax over the experts that no earlier choice took and whose logits are near its own.
    private func mixed(_ logits: [Double], _ chosen: [Int]) -> [Double] {
        chosen.enumerated().map { k, expert in
            let best = logits[expert]
            let near = logits.indices.filter { e in
                !chosen[..<k].contains(e) && !((best - logits[e]) / max(abs(logits[e]), best) > within)
            }
            return 1 / near.reduce(0) { $0 + exponential(logits[$1] - best) }
        }
    }

    private func keptExperts(_ choice: [Double]) -> [Bool] {
        guard groups > 1 else { return choice.map { _ in true } }
        let size = experts / groups
        let groupScores = (0..<groups).map { group -> Double in
            let best = choice[group * size..<(group + 1) * size].sorted(by: >)
            return groupScore == .max ? best[0] : best[0] + best[1]
        }
        let best = Set(Self.descending(groupScores)[..<topGroups])
        return choice.indices.map { best.contains($0 / size) }
    }
}
