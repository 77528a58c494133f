/// A value of GGUF metadata in its stored type.
package enum MetadataValue: Sendable {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case uint64(UInt64)
    case int64(Int64)
    case float32(Float)
    case float64(Double)
    case bool(Bool)
    case string(MetadataString)
    case array(MetadataArray)

    /// A string value.
    package init(_ text: String) { self = .string(MetadataString(text)) }

    package var type: GGUFValueType {
        switch self {
        case .uint8: .uint8
        case .int8: .int8
        case .uint16: .uint16
        case .int16: .int16
        case .uint32: .uint32
        case .int32: .int32
        case .uint64: .uint64
        case .int64: .int64
        case .float32: .float32
        case .float64: .float64
        case .bool: .bool
        case .string: .string
        case .array: .array
        }
    }

    /// The value of an integer of any width that fits `Int`; nil for every other type.
    package var int: Int? {
        switch self {
        case .uint8(let v): Int(v)
        case .int8(let v): Int(v)
        case .uint16(let v): Int(v)
        case .int16(let v): Int(v)
        case .uint32(let v): Int(v)
        case .int32(let v): Int(v)
        case .uint64(let v): Int(exactly: v)
        case .int64(let v): Int(exactly: v)
        default: nil
        }
    }

    /// The value of a float or an integer.
    package var double: Double? {
        switch self {
        case .float32(let v): Double(v)
        case .float64(let v): v
        case .uint64(let v): Double(v)
        default: int.map(Double.init)
        }
    }

    package var bool: Bool? { if case .bool(let v) = self { v } else { nil } }

    /// The text of a string that is valid UTF-8.
    package var string: String? { if case .string(let v) = self { v.text } else { nil } }

    package var array: MetadataArray? { if case .array(let v) = self { v } else { nil } }
}

extension MetadataValue: Equatable {
    /// Type and value; floats by their bits, so that a NaN equals itself.
    package static func == (a: MetadataValue, b: MetadataValue) -> Bool {
        switch (a, b) {
        case (.float32(let x), .float32(let y)): x.bitPattern == y.bitPattern
        case (.float64(let x), .float64(let y)): x.bitPattern == y.bitPattern
        case (.bool(let x), .bool(let y)): x == y
        case (.string(let x), .string(let y)): x == y
        case (.array(let x), .array(let y)): x == y
        case (.uint64(let x), .uint64(let y)): x == y
        default: a.type == b.type && a.int != nil && a.int == b.int
        }
    }
}
