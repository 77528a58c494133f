import HadalCore
import HadalGraph

/// The space of one entry of a contract's cases or bench shapes: the cartesian product of its lists.
struct ConformanceSpace {
    private enum Axis {
        case dim(String, [Int])
        case attribute(String, [Attribute])
        case dtype(String, [DType])
        case step([[(past: Int, new: Int)]])

        var count: Int {
            switch self {
            case .dim(_, let values): values.count
            case .attribute(_, let values): values.count
            case .dtype(_, let values): values.count
            case .step(let values): values.count
            }
        }
    }

    private let contract: OpContract
    /// What ids begin with: "linear/2".
    private let label: String
    private let present: [String]
    private let axes: [Axis]
    /// Combinations, legal or not.
    let count: Int

    /// - Throws: when the product is too large to be numbered.
    init(_ contract: OpContract, case index: Int) throws {
        try self.init(contract, contract.cases[index], label: "\(contract.name)/\(index)")
    }

    /// A shape of the contract's bench; ids have the form "linear/bench0.3".
    init(_ contract: OpContract, bench index: Int) throws {
        try self.init(contract, contract.bench.shapes[index], label: "\(contract.name)/bench\(index)")
    }

    private init(_ contract: OpContract, _ test: OpContract.TestCase, label: String) throws {
        self.contract = contract
        self.label = label
        present = test.present
        var axes: [Axis] = test.dims.map { .dim($0.name, $0.values) }
        axes += test.attributes.map { .attribute($0.name, $0.values) }
        axes += test.dtypes.map { .dtype($0.name, $0.values) }
        if !test.steps.isEmpty { axes.append(.step(test.steps)) }
        self.axes = axes
        var product = 1
        for axis in axes {
            let (next, overflow) = product.multipliedReportingOverflow(by: axis.count)
            guard !overflow, axis.count > 0 else {
                throw HadalError(.limitExceeded, "case \(label) has too many combinations, or an empty list")
            }
            product = next
        }
        count = product
    }

    /// Which value of each axis a combination takes.
    private func choices(_ combination: Int) -> [Int] {
        var rest = combination
        return axes.map { axis in
            defer { rest /= axis.count }
            return rest % axis.count
        }
    }

    /// - Throws: when a required attribute is missing from the case.
    func point(_ combination: Int) throws -> ConformancePoint {
        var point = ConformancePoint(
            id: "\(label).\(combination)", op: contract.name, dims: [:], attributes: [:], dtypes: [:],
            present: present, step: [])
        var given: [String: ExpressionValue] = [:]
        for (axis, choice) in zip(axes, choices(combination)) {
            switch axis {
            case .dim(let name, let values): point.dims[name] = values[choice]
            case .attribute(let name, let values): given[name] = values[choice].expressionValue
            case .dtype(let name, let values): point.dtypes[name] = values[choice]
            case .step(let values): point.step = values[choice]
            }
        }
        point.attributes = try contract.completeAttributes(given)
        return point
    }

    /// Products of more combinations are sampled.
    static let exhaustiveLimit = 50_000

    /// Every legal combination in order; of a product beyond `exhaustiveLimit`, as many as that, chosen by `random`.
    func all(_ random: inout SplitMix64, isLegal: (ConformancePoint) -> Bool) throws -> [ConformancePoint] {
        guard count <= Self.exhaustiveLimit else { return try sample(limit: Self.exhaustiveLimit, &random, isLegal: isLegal) }
        return try (0..<count).map { try point($0) }.filter(isLegal)
    }

    /// Up to `limit` legal combinations, chosen by `random`: first so that every listed value occurs, then at will.
    func sample(limit: Int, _ random: inout SplitMix64, isLegal: (ConformancePoint) -> Bool) throws -> [ConformancePoint] {
        let order: [Int]
        if count <= Self.exhaustiveLimit {
            order = random.shuffled(Array(0..<count))
        } else {
            order = (0..<Self.exhaustiveLimit).map { _ in random.below(count) }
        }
        var seen: Set<[Int]> = []
        var first: [ConformancePoint] = []
        var others: [ConformancePoint] = []
        for combination in order {
            let choices = choices(combination)
            let covers = choices.enumerated().filter { !seen.contains([$0.offset, $0.element]) }
            if covers.isEmpty, first.count + others.count >= limit { continue }
            let point = try point(combination)
            guard isLegal(point) else { continue }
            for (axis, choice) in covers { seen.insert([axis, choice]) }
            if covers.isEmpty { others.append(point) } else { first.append(point) }
        }
        return Array((first + others).prefix(max(limit, first.count)))
    }
}
