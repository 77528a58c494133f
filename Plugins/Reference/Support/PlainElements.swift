import HadalCore

/// Conversion between floats and the stored element types that have no blocks.
enum PlainElements {
    static let decodable: [DType] = [.f32, .f16, .bf16, .f64, .f8_e4m3]

    /// `source` need not be aligned.
    static func decode(_ dtype: DType, _ source: UnsafeRawPointer, count: Int, into out: UnsafeMutablePointer<Float>) {
        switch dtype {
        case .f32:
            UnsafeMutableRawPointer(out).copyMemory(from: source, byteCount: count * 4)
        case .f16:
            for i in 0..<count { out[i] = half(source.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)) }
        case .bf16:
            for i in 0..<count {
                out[i] = Float(bitPattern: UInt32(source.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)) << 16)
            }
        case .f64:
            for i in 0..<count { out[i] = Float(source.loadUnaligned(fromByteOffset: i * 8, as: Double.self)) }
        case .f8_e4m3:
            for i in 0..<count { out[i] = float8(source.load(fromByteOffset: i, as: UInt8.self)) }
        default:
            for i in 0..<count { out[i] = .nan }
        }
    }

    /// `dtype` is f32, f16 or bf16; rounding is to nearest even.
    static func encode(_ dtype: DType, _ values: UnsafePointer<Float>, count: Int, into out: UnsafeMutableRawPointer) {
        switch dtype {
        case .f16:
            for i in 0..<count { out.storeBytes(of: Float16(values[i]).bitPattern, toByteOffset: i * 2, as: UInt16.self) }
        case .bf16:
            for i in 0..<count { out.storeBytes(of: bfloat(values[i]), toByteOffset: i * 2, as: UInt16.self) }
        default:
            out.copyMemory(from: values, byteCount: count * 4)
        }
    }

    /// IEEE 754 binary16. Moving the exponent into place and multiplying by 2^112 also gets subnormals right.
    static func half(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF)
        if magnitude >= 0x7C00 { return Float(bitPattern: sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13) }
        let value = Float(bitPattern: magnitude << 13) * 0x1p112
        return Float(bitPattern: sign | value.bitPattern)
    }

    static func bfloat(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }

    /// OCP 8-bit floating point e4m3 without infinities: 0x7F and 0xFF are NaN.
    static func float8(_ bits: UInt8) -> Float {
        let magnitude = bits & 0x7F
        let sign: Float = bits & 0x80 == 0 ? 1 : -1
        if magnitude == 0x7F { return .nan }
        let (exponent, fraction) = (Int(magnitude >> 3), Float(magnitude & 7))
        if exponent == 0 { return sign * fraction * 0x1p-9 }
        return sign * (8 + fraction) * Float(sign: .plus, exponent: exponent - 10, significand: 1)
    }
}
