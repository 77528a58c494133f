import HadalCore

/// Random stored elements of any type: valid blocks, finite values, of about the given standard deviation.
enum RandomWeight {
    /// Where the 16-bit scales of a block lie, and how large a value is on average when the scale is 1.
    private struct Layout {
        var scale: Int
        /// Offset of the minimum (added, or subtracted in k-quants) and its size relative to the scale that centres values on 0.
        var minimum: (offset: Int, ratio: Float)?
        var spread: Float
        /// A negative scale is legal and means negated values.
        var signed: Bool
    }

    private static func layout(_ dtype: DType) -> Layout? {
        switch dtype {
        case .q4_0: Layout(scale: 0, minimum: nil, spread: 4.6, signed: true)
        case .q4_1: Layout(scale: 0, minimum: (2, -7.5), spread: 4.6, signed: false)
        case .q5_0: Layout(scale: 0, minimum: nil, spread: 9.2, signed: true)
        case .q5_1: Layout(scale: 0, minimum: (2, -15.5), spread: 9.2, signed: false)
        case .q8_0: Layout(scale: 0, minimum: nil, spread: 74, signed: true)
        case .q2_K: Layout(scale: 80, minimum: (82, 1.5), spread: 14, signed: false)
        case .q3_K: Layout(scale: 108, minimum: nil, spread: 42, signed: true)
        case .q4_K: Layout(scale: 0, minimum: (2, 7.5), spread: 250, signed: false)
        case .q5_K: Layout(scale: 0, minimum: (2, 15.5), spread: 500, signed: false)
        case .q6_K: Layout(scale: 208, minimum: nil, spread: 1350, signed: true)
        case .iq4_nl: Layout(scale: 0, minimum: nil, spread: 75, signed: true)
        case .iq4_xs: Layout(scale: 0, minimum: nil, spread: 1350, signed: true)
        default: nil
        }
    }

    /// - Parameter deviation: standard deviation of the values that the bytes stand for.
    /// - Returns: nil for a type that holds no fractions, or when `elements` is not whole blocks.
    static func bytes(_ dtype: DType, elements: Int, deviation: Float, _ random: inout SplitMix64) -> [UInt8]? {
        guard let count = dtype.byteCount(elements: elements) else { return nil }
        if PlainElement.dtypes.contains(dtype) {
            return PlainElement.encode(dtype, (0..<elements).map { _ in random.normal() * deviation })
        }
        var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) }
        switch dtype {
        case .f8_e4m3:
            // 0x7F and 0xFF are NaN. Values reach 448; the scales bring them down.
            for i in bytes.indices where bytes[i] & 0x7F == 0x7F { bytes[i] &= 0xBF }
        case .mxfp4:
            let exponent = 127 + Int((deviation / 3).exponent)
            for block in stride(from: 0, to: count, by: dtype.blockBytes) { bytes[block] = UInt8(clamping: exponent + random.below(2)) }
        default:
            guard let layout = layout(dtype) else { return nil }
            for block in stride(from: 0, to: count, by: dtype.blockBytes) {
                let scale = deviation / layout.spread * (0.5 + random.unit())
                let negative = layout.signed && random.below(4) == 0
                store(negative ? -scale : scale, at: block + layout.scale, in: &bytes)
                if let minimum = layout.minimum {
                    store(scale * minimum.ratio * (0.9 + 0.2 * random.unit()), at: block + minimum.offset, in: &bytes)
                }
            }
        }
        return bytes
    }

    private static func store(_ value: Float, at offset: Int, in bytes: inout [UInt8]) {
        let bits = PlainElement.half(value)
        bytes[offset] = UInt8(truncatingIfNeeded: bits)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: bits >> 8)
    }
}
