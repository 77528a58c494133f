import HadalCore

/// Element types without blocks, as the kit writes operands and reads results.
enum PlainElement {
    static let dtypes: [DType] = [.f32, .f16, .bf16, .f64]

    static func encode(_ dtype: DType, _ values: [Float]) -> [UInt8] {
        switch dtype {
        case .f64: bytes(values.map { Double($0).bitPattern.littleEndian })
        case .f16: bytes(values.map { half($0).littleEndian })
        case .bf16: bytes(values.map { bfloat($0).littleEndian })
        default: bytes(values.map { $0.bitPattern.littleEndian })
        }
    }

    static func encode(_ values: [Int32]) -> [UInt8] { bytes(values.map(\.littleEndian)) }

    /// Elements as doubles, integers included; exact for every type here.
    static func decode(_ dtype: DType, _ data: [UInt8]) -> [Double] {
        data.withUnsafeBytes { raw in
            (0..<raw.count / dtype.blockBytes).map { i in
                switch dtype {
                case .i32: Double(Int32(littleEndian: raw.loadUnaligned(fromByteOffset: i * 4, as: Int32.self)))
                case .f16: Double(Float16(bitPattern: UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self))))
                case .bf16:
                    Double(Float(bitPattern: UInt32(UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self))) << 16))
                case .f64: Double(bitPattern: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self)))
                default: Double(Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: i * 4, as: UInt32.self))))
                }
            }
        }
    }

    /// Bytes that are NaN in every floating-point type and -1 as an integer.
    static func poison(_ count: Int) -> [UInt8] { [UInt8](repeating: 0xFF, count: count) }

    static func half(_ value: Float) -> UInt16 { Float16(value).bitPattern }

    static func bfloat(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }

    private static func bytes<T: BitwiseCopyable>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { [UInt8]($0) } }
}
