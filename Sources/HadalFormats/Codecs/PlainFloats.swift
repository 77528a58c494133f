/// Element types that are not in blocks: conversions of whole runs to and from float32.
enum PlainFloats {
    static func decodeF16(_ count: Int, _ bytes: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        for i in 0..<count { out[i] = HalfFloat.load(bytes + i * 2) }
    }

    static func encodeF16(_ count: Int, _ values: UnsafePointer<Float>, _ bytes: UnsafeMutablePointer<UInt8>) {
        for i in 0..<count { HalfFloat.store(values[i], bytes + i * 2) }
    }

    static func decodeBF16(_ count: Int, _ bytes: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        for i in 0..<count { out[i] = Float(bitPattern: UInt32(bytes[i * 2]) << 16 | UInt32(bytes[i * 2 + 1]) << 24) }
    }

    /// Rounds to nearest, ties to even; a NaN becomes quiet.
    static func encodeBF16(_ count: Int, _ values: UnsafePointer<Float>, _ bytes: UnsafeMutablePointer<UInt8>) {
        for i in 0..<count {
            var bits = values[i].bitPattern
            if bits & 0x7FFF_FFFF > 0x7F80_0000 {
                bits |= 64 << 16
            } else {
                bits &+= 0x7FFF &+ ((bits >> 16) & 1)
            }
            bytes[i * 2] = UInt8(truncatingIfNeeded: bits >> 16)
            bytes[i * 2 + 1] = UInt8(truncatingIfNeeded: bits >> 24)
        }
    }

    static func decodeF64(_ count: Int, _ bytes: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
        for i in 0..<count {
            let bits = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self))
            out[i] = Float(Double(bitPattern: bits))
        }
    }

    static func encodeF64(_ count: Int, _ values: UnsafePointer<Float>, _ bytes: UnsafeMutableRawPointer) {
        for i in 0..<count {
            bytes.storeBytes(of: Double(values[i]).bitPattern.littleEndian, toByteOffset: i * 8, as: UInt64.self)
        }
    }

    static func decodeF8(_ count: Int, _ bytes: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        Float8.table.withUnsafeBufferPointer { table in
            for i in 0..<count { out[i] = table[Int(bytes[i])] }
        }
    }

    static func encodeF8(_ count: Int, _ values: UnsafePointer<Float>, _ bytes: UnsafeMutablePointer<UInt8>) {
        for i in 0..<count { bytes[i] = Float8.bits(values[i]) }
    }
}
