extension BigInteger {
    package static prefix func - (a: BigInteger) -> BigInteger { BigInteger(magnitude: a.magnitude, isNegative: !a.isNegative) }

    /// nil where the result has more than `maximumLimbs`.
    package func adding(_ other: BigInteger) -> BigInteger? {
        let sum: BigInteger
        if isNegative == other.isNegative {
            sum = BigInteger(magnitude: Self.sum(magnitude, other.magnitude), isNegative: isNegative)
        } else if Self.less(magnitude, other.magnitude) {
            sum = BigInteger(magnitude: Self.difference(other.magnitude, magnitude), isNegative: other.isNegative)
        } else {
            sum = BigInteger(magnitude: Self.difference(magnitude, other.magnitude), isNegative: isNegative)
        }
        return sum.magnitude.count <= Self.maximumLimbs ? sum : nil
    }

    /// nil where the result has more than `maximumLimbs`.
    package func multiplied(by other: BigInteger) -> BigInteger? {
        guard magnitude.count + other.magnitude.count <= Self.maximumLimbs + 1 else { return nil }
        var product = [UInt32](repeating: 0, count: magnitude.count + other.magnitude.count)
        for (i, a) in magnitude.enumerated() {
            var carry: UInt64 = 0
            for (j, b) in other.magnitude.enumerated() {
                carry += UInt64(a) * UInt64(b) + UInt64(product[i + j])
                product[i + j] = UInt32(truncatingIfNeeded: carry)
                carry >>= 32
            }
            product[i + other.magnitude.count] = UInt32(carry)
        }
        let result = BigInteger(magnitude: product, isNegative: isNegative != other.isNegative)
        return result.magnitude.count <= Self.maximumLimbs ? result : nil
    }

    /// nil where the result has more than `maximumLimbs`.
    package func power(_ exponent: Int) -> BigInteger? {
        guard exponent >= 0 else { return nil }
        if magnitude == [1] { return isNegative && exponent & 1 == 0 ? absolute : self }
        if isZero { return exponent == 0 ? BigInteger(1) : self }
        guard exponent <= Self.maximumLimbs * 32 else { return nil }
        var result = BigInteger(1)
        for _ in 0..<exponent {
            guard let next = result.multiplied(by: self) else { return nil }
            result = next
        }
        return result
    }

    /// As Python divides: the quotient rounded down, the remainder with the divisor's sign.
    ///
    /// - Precondition: the divisor is not zero.
    package func dividedRoundingDown(by divisor: BigInteger) -> (quotient: BigInteger, remainder: BigInteger) {
        let (whole, rest) = Self.divide(magnitude, by: divisor.magnitude)
        let remainder = BigInteger(magnitude: rest, isNegative: isNegative)
        let isBelow = isNegative != divisor.isNegative
        guard isBelow, !remainder.isZero else { return (BigInteger(magnitude: whole, isNegative: isBelow), remainder) }
        return (
            BigInteger(magnitude: Self.sum(whole, [1]), isNegative: true),
            BigInteger(magnitude: Self.difference(divisor.magnitude, rest), isNegative: divisor.isNegative)
        )
    }

    /// The quotient as the nearest double, as Python's `/` of integers gives it.
    ///
    /// - Precondition: the divisor is not zero.
    package func divided(by divisor: BigInteger) -> Double {
        guard !isZero else { return divisor.isNegative ? -0.0 : 0 }
        // Enough bits of the quotient to round it once; one below them for what remains.
        let shift = divisor.bitWidth - bitWidth + 66
        let a = shift > 0 ? shifted(left: shift) : self
        let b = shift < 0 ? divisor.shifted(left: -shift) : divisor
        let (quotient, rest) = Self.divide(a.magnitude, by: b.magnitude)
        var limbs = quotient
        if !rest.isEmpty, let low = limbs.first { limbs[0] = low | 1 }
        let value = Double(sign: .plus, exponent: -shift, significand: BigInteger(magnitude: limbs, isNegative: false).double)
        return isNegative != divisor.isNegative ? -value : value
    }

    func shifted(left count: Int) -> BigInteger {
        guard !isZero, count > 0 else { return self }
        let (limbs, bits) = count.quotientAndRemainder(dividingBy: 32)
        var result = [UInt32](repeating: 0, count: limbs)
        var carry: UInt32 = 0
        for limb in magnitude {
            result.append(limb << UInt32(bits) | carry)
            carry = bits == 0 ? 0 : limb >> UInt32(32 - bits)
        }
        return BigInteger(magnitude: result + [carry], isNegative: isNegative)
    }

    /// Cuts off the lowest bits of the magnitude; the sign is dropped.
    func shifted(right count: Int) -> BigInteger {
        let (limbs, bits) = count.quotientAndRemainder(dividingBy: 32)
        guard limbs < magnitude.count else { return BigInteger(0) }
        var result = Array(magnitude[limbs...])
        for at in result.indices where bits > 0 {
            result[at] = result[at] >> UInt32(bits) | (at + 1 < result.count ? result[at + 1] << UInt32(32 - bits) : 0)
        }
        return BigInteger(magnitude: result, isNegative: false)
    }

    private static func sum(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        var carry: UInt64 = 0
        for at in 0..<max(a.count, b.count) {
            carry += UInt64(at < a.count ? a[at] : 0) + UInt64(at < b.count ? b[at] : 0)
            result.append(UInt32(truncatingIfNeeded: carry))
            carry >>= 32
        }
        return carry > 0 ? result + [UInt32(carry)] : result
    }

    /// a - b, where b is not the greater one.
    private static func difference(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        var borrow: Int64 = 0
        for at in a.indices {
            let value = Int64(a[at]) - Int64(at < b.count ? b[at] : 0) + borrow
            result.append(UInt32(truncatingIfNeeded: value))
            borrow = value < 0 ? -1 : 0
        }
        while result.last == 0 { result.removeLast() }
        return result
    }

    /// Divides bit by bit: numbers here are short.
    private static func divide(_ a: [UInt32], by b: [UInt32]) -> (quotient: [UInt32], remainder: [UInt32]) {
        if b.count == 1 {
            var quotient = a
            let rest = divide(&quotient, by: b[0])
            return (quotient, rest == 0 ? [] : [rest])
        }
        var quotient = [UInt32](repeating: 0, count: a.count)
        var rest = BigInteger(0)
        for at in a.indices.reversed() {
            for bit in (0..<32).reversed() {
                let shifted = rest.shifted(left: 1).magnitude
                let next = a[at] >> UInt32(bit) & 1
                rest = BigInteger(magnitude: shifted.isEmpty ? [next] : [shifted[0] | next] + shifted.dropFirst(), isNegative: false)
                guard !less(rest.magnitude, b) else { continue }
                rest = BigInteger(magnitude: difference(rest.magnitude, b), isNegative: false)
                quotient[at] |= 1 << UInt32(bit)
            }
        }
        while quotient.last == 0 { quotient.removeLast() }
        return (quotient, rest.magnitude)
    }
}
