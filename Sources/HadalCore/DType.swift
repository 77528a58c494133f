/// The element type of a tensor, quantised block formats included.
///
/// Raw values below 1000 are the published GGUF tensor type numbers; Hadal's own start at 1000. They are part of the
/// plugin ABI and never change.
// swift-format-ignore: AlwaysUseLowerCamelCase
public enum DType: UInt32, Sendable, CaseIterable, Hashable {
    case f32 = 0
    case f16 = 1
    case q4_0 = 2
    case q4_1 = 3
    case q5_0 = 6
    case q5_1 = 7
    case q8_0 = 8
    case q2_K = 10
    case q3_K = 11
    case q4_K = 12
    case q5_K = 13
    case q6_K = 14
    case iq4_nl = 20
    case iq4_xs = 23
    case i8 = 24
    case i16 = 25
    case i32 = 26
    case i64 = 27
    case f64 = 28
    case bf16 = 30
    case mxfp4 = 39
    /// float8 e4m3fn: no infinity, 0x7F and 0xFF are NaN. Block scales travel beside the tensor.
    case f8_e4m3 = 1000
    case u8 = 1001
    case bool = 1002

    /// Elements in one block; 1 for plain types.
    public var blockElements: Int {
        switch self {
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl, .mxfp4: 32
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_xs: 256
        default: 1
        }
    }

    /// Bytes in one block.
    public var blockBytes: Int {
        switch self {
        case .f32, .i32: 4
        case .f16, .bf16, .i16: 2
        case .f64, .i64: 8
        case .i8, .u8, .bool, .f8_e4m3: 1
        case .q4_0, .iq4_nl: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q2_K: 84
        case .q3_K: 110
        case .q4_K: 144
        case .q5_K: 176
        case .q6_K: 210
        case .iq4_xs: 136
        case .mxfp4: 17
        }
    }

    public var isQuantised: Bool { blockElements > 1 }

    /// The type's name as users and files write it: `F32`, `Q4_K`, `IQ4_XS`, `F8_E4M3`.
    public var name: String {
        switch self {
        case .q2_K: "Q2_K"
        case .q3_K: "Q3_K"
        case .q4_K: "Q4_K"
        case .q5_K: "Q5_K"
        case .q6_K: "Q6_K"
        default: "\(self)".uppercased()
        }
    }

    /// Finds a type by its name, in any case.
    public init?(name: String) {
        let upper = name.uppercased()
        guard let match = DType.allCases.first(where: { $0.name == upper }) else { return nil }
        self = match
    }

    /// Bytes that `elements` consecutive elements take, or nil if they are not whole blocks or the size overflows.
    public func byteCount(elements: Int) -> Int? {
        guard elements >= 0, elements % blockElements == 0 else { return nil }
        let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
        return overflow ? nil : bytes
    }
}
