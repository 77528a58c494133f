import HadalCore
import HadalGraph

/// Cuts rows into consecutive slices.
struct Split: Operator {
    static let op = "split"
    private let sizes: [Int]

    init(_ node: NodeView) throws {
        guard let sizes = node.node.attributes["sizes"]?.ints else { throw node.fail(.mismatch, "attribute 'sizes' is missing") }
        self.sizes = sizes
        try node.require(
            sizes.allSatisfy { $0 > 0 } && sizes.count == node.node.outputs.count, "sizes \(sizes) for \(node.node.outputs.count) outputs")
        try node.requireSameRows([0])
        try node.require(try node.width(0) == sizes.reduce(0, +), "sizes \(sizes) do not make up \(try node.width(0))")
        for (index, size) in sizes.enumerated() {
            try node.require(try node.outputWidth(index) == size, "output \(index) is not \(size) wide")
        }
    }

    func run(_ call: OperatorCall) throws {
        let x = try call.rows(0)
        var start = 0
        for (index, size) in sizes.enumerated() {
            let part = try call.output(index)
            for n in 0..<x.count { part[n].update(from: x[n] + start, count: size) }
            start += size
        }
    }
}
