/// Steps that the encoders share. None of them traps, whatever the values are.
enum Rounding {
    /// The value of largest magnitude, with its sign; the first of several.
    @inline(__always)
    static func signedPeak(_ values: UnsafePointer<Float>, _ count: Int) -> Float {
        var peak = values[0]
        var magnitude = abs(peak)
        for i in 1..<count where abs(values[i]) > magnitude {
            peak = values[i]
            magnitude = abs(peak)
        }
        return peak
    }

    @inline(__always)
    static func bounds(_ values: UnsafePointer<Float>, _ count: Int) -> (low: Float, high: Float) {
        var (low, high) = (values[0], values[0])
        for i in 1..<count {
            if values[i] < low { low = values[i] }
            if values[i] > high { high = values[i] }
        }
        return (low, high)
    }

    /// Truncates to `0...maximum`; NaN becomes 0.
    @inline(__always)
    static func level(_ value: Float, maximum: UInt8) -> UInt8 {
        guard value > 0 else { return 0 }
        return value >= Float(maximum) ? maximum : UInt8(value)
    }

    /// Rounds to the nearest whole number within bounds, ties to even; NaN becomes `low`. Bounds must be below 2^21.
    @inline(__always)
    static func nearest(_ value: Float, _ low: Float, _ high: Float) -> Float {
        let raised = value > low ? value : low
        let clamped = raised < high ? raised : high
        // Adding 1.5 * 2^23 leaves no bits for a fraction. `rounded()` would be a library call on baseline x86-64.
        let shift: Float = 12_582_912
        return (clamped + shift) - shift
    }

    /// The same as an unsigned level; bounds must be within 0...255.
    @inline(__always)
    static func nearestLevel(_ value: Float, _ high: Float) -> UInt8 { UInt8(nearest(value, 0, high)) }

    /// Rounds to the nearest integer, ties away from zero, within a signed byte; NaN becomes 0.
    @inline(__always)
    static func nearestAway(_ value: Float) -> Int8 {
        let magnitude = abs(value)
        guard magnitude < 127.5 else { return value.isNaN ? 0 : value < 0 ? -128 : 127 }
        let whole = Int32(magnitude)
        let rounded = magnitude - Float(whole) >= 0.5 ? whole + 1 : whole
        return Int8(truncatingIfNeeded: value < 0 ? -rounded : rounded)
    }
}
