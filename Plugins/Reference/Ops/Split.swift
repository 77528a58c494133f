import HadalCore
import HadalGraph

/// Cuts each of `groups` equal parts of a row into consecutive slices, and joins those of all parts.
struct Split: Operator {
    static let op = "split"
    private let sizes: [Int]
    private let groups: Int

    init(_ node: NodeView) throws {
        guard let sizes = node.node.attributes["sizes"]?.ints else { throw node.fail(.mismatch, "attribute 'sizes' is missing") }
        (self.sizes, groups) = (sizes, try node.int("groups"))
        try node.require(
            groups > 0 && sizes.allSatisfy { $0 > 0 } && sizes.count == node.node.outputs.count,
            "sizes \(sizes) for \(node.node.outputs.count) outputs")
        try node.requireSameRows([0])
        try node.require(
            try node.width(0) == groups * sizes.reduce(0, +), "\(groups) times sizes \(sizes) do not make up \(try node.width(0))")
        for (index, size) in sizes.enumerated() {
            try node.require(try node.outputWidth(index) == groups * size, "output \(index) is not \(groups * size) wide")
        }
    }

    func run(_ call: OperatorCall) throws {
        let x = try call.rows(0)
        let width = sizes.reduce(0, +)
        var start = 0
        for (index, size) in sizes.enumerated() {
            let part = try call.output(index)
            for n in 0..<x.count {
                for group in 0..<groups { (part[n] + group * size).update(from: x[n] + group * width + start, count: size) }
            }
            start += size
        }
    }
}
