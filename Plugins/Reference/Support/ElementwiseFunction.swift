#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

func exponential(_ x: Double) -> Double { exp(x) }

/// The elementwise functions that ops name. Raw values are the contracts' spellings.
// swift-format-ignore: AlwaysUseLowerCamelCase
enum ElementwiseFunction: String {
    case silu, gelu, gelu_tanh, relu, sigmoid, tanh, softplus

    func callAsFunction(_ x: Double) -> Double {
        switch self {
        case .silu: x * Self.logistic(x)
        case .gelu: 0.5 * x * (1 + erf(x * 0.5.squareRoot()))
        case .gelu_tanh: 0.5 * x * (1 + hyperbolicTangent((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .relu: max(x, 0)
        case .sigmoid: Self.logistic(x)
        case .tanh: hyperbolicTangent(x)
        case .softplus: max(x, 0) + log1p(exp(-abs(x)))
        }
    }

    static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}

func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
