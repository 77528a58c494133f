import HadalGraph

extension OperatorCall {
    /// y = f(x) for every element.
    func map(_ function: (Float) -> Float) throws {
        let (x, y) = (try rows(0), try output())
        for i in 0..<min(x.count * x.width, y.count * y.width) { y.base[i] = function(x.base[i]) }
    }

    /// y = f(a, b) for every element.
    func zip(_ function: (Float, Float) -> Float) throws {
        let (a, b, y) = (try rows(0), try rows(1), try output())
        for i in 0..<min(a.count * a.width, y.count * y.width) { y.base[i] = function(a.base[i], b.base[i]) }
    }
}

extension NodeView {
    /// The first `inputs` inputs and the only output are matrices of one shape.
    func requireSameShape(inputs: Int = 1) throws {
        try require(node.outputs.count == 1, "has \(node.outputs.count) outputs")
        try requireSameRows(Array(0..<inputs))
        let widths = try (0..<inputs).map { try width($0) } + [try outputWidth()]
        try require(Set(widths).count == 1, "operands have different widths: \(widths)")
    }
}
