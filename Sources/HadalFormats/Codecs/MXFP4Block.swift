import HadalCore

/// 32 elements: one shared power-of-two exponent (E8M0), 16 bytes of E2M1 nibbles laid out as in Q4_0.
/// The table holds twice the E2M1 values, the scale half of two to the exponent. Source: OCP Microscaling Formats 1.0.
enum MXFP4Block: QuantBlock {
    static var dtype: DType { .mxfp4 }

    static let levels: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

    /// Half of `2 ^ (exponent - 127)`.
    @inline(__always)
    static func scale(_ exponent: UInt8) -> Float {
        Float(bitPattern: exponent < 2 ? 0x0020_0000 << UInt32(exponent) : (UInt32(exponent) - 1) << 23)
    }

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = scale(block[0])
        levels.withUnsafeBufferPointer { levels in
            for i in 0..<16 {
                out[i] = d * levels[Int(block[1 + i] & 15)]
                out[i + 16] = d * levels[Int(block[1 + i] >> 4)]
            }
        }
    }

    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let peak = abs(Rounding.signedPeak(values, 32))
        // The largest level, 6, has exponent 2.
        let exponent = peak > 0 ? Int(peak.isFinite ? peak.exponent : 127) - 2 + 127 : 0
        block[0] = UInt8(clamping: min(exponent, 254))
        let d = scale(block[0])
        levels.withUnsafeBufferPointer { levels in
            func nearest(_ value: Float) -> UInt8 {
                var (best, bestError) = (0, Float.infinity)
                for (i, level) in levels.enumerated() where abs(d * level - value) < bestError {
                    bestError = abs(d * level - value)
                    best = i
                }
                return UInt8(best)
            }
            for i in 0..<16 { block[1 + i] = nearest(values[i]) | nearest(values[i + 16]) << 4 }
        }
    }
}
