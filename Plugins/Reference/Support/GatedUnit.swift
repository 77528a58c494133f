/// activation(gate) * (up + offset), with optional limits: shared by `glu` and `experts`.
struct GatedUnit {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    enum Function: String { case silu, gelu, gelu_tanh, relu }

    let function: Function
    /// sigmoid(alpha * gate) in silu.
    let alpha: Double
    /// 0: none; else gate <= limit and -limit <= up <= limit.
    let limit: Double
    let upOffset: Double

    init(_ node: NodeView) throws {
        function = try node.choice("activation", Function.self)
        alpha = try node.float("alpha")
        limit = try node.float("limit")
        upOffset = try node.float("up_offset")
    }

    func callAsFunction(gate: Double, up: Double) -> Double {
        var (gate, up) = (gate, up)
        if limit > 0 {
            gate = gate > limit ? limit : gate
            up = up > limit ? limit : (up < -limit ? -limit : up)
        }
        let activated =
            switch function {
            case .silu: gate * ElementwiseFunction.logistic(alpha * gate)
            case .gelu: ElementwiseFunction.gelu(gate)
            case .gelu_tanh: ElementwiseFunction.gelu_tanh(gate)
            case .relu: ElementwiseFunction.relu(gate)
            }
        return activated * (up + upOffset)
    }
}
