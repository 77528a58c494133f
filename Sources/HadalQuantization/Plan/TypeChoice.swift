import HadalCore
import HadalFormats

/// Chooses a tensor's type as the field's converters do.
struct TypeChoice {
    struct Result: Equatable {
        var type: DType
        /// The type that was meant, when rows of this length cannot be stored in it.
        var wanted: DType?
        /// The rule that decided, by its place in the list.
        var rule: Int?
    }

    let options: QuantizationOptions

    /// - Parameters:
    ///   - roles: empty when nothing is known of the tensor.
    ///   - stored: the type it has; `f32` for what is calculated.
    func type(of name: String, shape: [Int], stored: DType, roles: Set<TensorRole>) -> Result {
        guard BlockCodec.dtypes.contains(stored) else { return Result(type: stored) }
        guard shape.count > 1, !roles.contains(.plain) else { return Result(type: .f32) }
        if let rule = options.rules.lastIndex(where: { $0.matches(name, roles) }) {
            var result = Self.fitting(options.rules[rule].type ?? Self.writable(stored), columns: shape.last ?? 1)
            result.rule = rule
            return result
        }
        if roles.contains(.router) { return Result(type: .f32) }
        let wanted = roles.contains(.output) && !options.isPure ? Self.better(than: options.type) : options.type
        return Self.fitting(wanted, columns: shape.last ?? 1)
    }

    /// GGUF has no float8 with block scales; BF16 holds every such number but its scale's last bits.
    private static func writable(_ stored: DType) -> DType { QuantizationRule.types.contains(stored) ? stored : .bf16 }

    /// What the output head gets, where a small type costs most.
    static func better(than type: DType) -> DType {
        switch type {
        case .q2_K, .q3_K, .q4_K, .q5_K, .q4_0, .q4_1, .q5_0, .q5_1, .iq4_nl, .iq4_xs: .q6_K
        case .mxfp4: .q8_0
        default: type
        }
    }

    /// The next type whose blocks divide a row.
    static func fitting(_ wanted: DType, columns: Int) -> Result {
        var type = wanted
        while columns % type.blockElements != 0 {
            switch type {
            case .q2_K, .q3_K, .iq4_xs: type = .iq4_nl
            case .q4_K: type = .q5_0
            case .q5_K: type = .q5_1
            case .q6_K: type = .q8_0
            default: type = .f16
            }
        }
        return Result(type: type, wanted: type == wanted ? nil : wanted)
    }
}

extension DType {
    /// `general.file_type` of a file whose matrices are mostly of this type.
    var fileType: UInt32? {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q4_1: 3
        case .q8_0: 7
        case .q5_0: 8
        case .q5_1: 9
        case .q2_K: 10
        case .q3_K: 11
        case .q4_K: 14
        case .q5_K: 16
        case .q6_K: 18
        case .iq4_nl: 25
        case .iq4_xs: 30
        case .bf16: 32
        case .mxfp4: 38
        default: nil
        }
    }
}
