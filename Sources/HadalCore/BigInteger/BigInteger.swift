/// A whole number of any size, within `maximumLimbs`: for numbers that 64 bits do not hold and that must be carried exactly.
package struct BigInteger: Sendable, Hashable {
    /// Limbs of 32 bits, the lowest first, without zeros at the end; empty for zero.
    let magnitude: [UInt32]
    /// Never set for zero.
    package let isNegative: Bool

    /// Python converts at most this many digits between text and integers.
    package static let maximumDigits = 4300
    /// No result has more limbs: enough for `maximumDigits`, and small enough that no operation takes long.
    static let maximumLimbs = 448

    init(magnitude: some Collection<UInt32>, isNegative: Bool) {
        var limbs = Array(magnitude)
        while limbs.last == 0 { limbs.removeLast() }
        self.magnitude = limbs
        self.isNegative = isNegative && !limbs.isEmpty
    }

    package init(_ value: some BinaryInteger) {
        var rest = value.magnitude
        var limbs: [UInt32] = []
        while rest != 0 {
            limbs.append(UInt32(truncatingIfNeeded: rest))
            rest >>= 32
        }
        self.init(magnitude: limbs, isNegative: value < 0)
    }

    /// nil for a number that is not whole, or not finite.
    package init?(exactly value: Double) {
        guard value.isFinite, value == value.rounded(.towardZero) else { return nil }
        let whole = value.magnitude
        guard whole >= 0x1p63 else {
            self.init(Int64(value))
            return
        }
        let scaled = BigInteger(whole.significandBitPattern | 1 << 52).shifted(left: Int(whole.exponent) - 52)
        self.init(magnitude: scaled.magnitude, isNegative: value < 0)
    }

    package var isZero: Bool { magnitude.isEmpty }

    package var isOdd: Bool { (magnitude.first ?? 0) & 1 == 1 }

    /// Bits of the magnitude, without leading zeros.
    package var bitWidth: Int { magnitude.last.map { magnitude.count * 32 - $0.leadingZeroBitCount } ?? 0 }

    /// Bits of the magnitude that are one.
    package var bitCount: Int { magnitude.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// nil beyond 64 bits.
    package var int: Int? {
        guard magnitude.count <= 2 else { return nil }
        let low = magnitude.reversed().reduce(UInt64(0)) { $0 << 32 | UInt64($1) }
        return isNegative ? (low <= 1 << 63 ? Int(truncatingIfNeeded: 0 &- low) : nil) : Int(exactly: low)
    }

    /// The nearest double, halves to the even one; an infinity beyond all of them.
    package var double: Double {
        let excess = max(0, bitWidth - 64)
        let top = shifted(right: excess).magnitude.reversed().reduce(UInt64(0)) { $0 << 32 | UInt64($1) }
        // A bit below the lowest that counts stands for all that was cut off.
        let isCut = excess > 0 && shifted(right: excess).shifted(left: excess) != absolute
        let value = Double(sign: .plus, exponent: excess, significand: Double(isCut ? top | 1 : top))
        return isNegative ? -value : value
    }

    package var absolute: BigInteger { BigInteger(magnitude: magnitude, isNegative: false) }
}

extension BigInteger: Comparable {
    package static func < (a: BigInteger, b: BigInteger) -> Bool {
        if a.isNegative != b.isNegative { return a.isNegative }
        return a.isNegative ? less(b.magnitude, a.magnitude) : less(a.magnitude, b.magnitude)
    }

    static func less(_ a: [UInt32], _ b: [UInt32]) -> Bool {
        if a.count != b.count { return a.count < b.count }
        for at in a.indices.reversed() where a[at] != b[at] { return a[at] < b[at] }
        return false
    }
}
