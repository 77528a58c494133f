extension BigInteger: CustomStringConvertible {
    package var description: String { text() }

    /// The digits in a radix of 2 to 36, with a minus sign where there is one.
    package func text(radix: Int = 10) -> String {
        guard !isZero else { return "0" }
        // As many digits at a time as fit a limb.
        var (chunk, digits) = (UInt32(radix), 1)
        while case let next = chunk.multipliedReportingOverflow(by: UInt32(radix)), !next.overflow {
            chunk = next.partialValue
            digits += 1
        }
        var rest = magnitude
        var parts: [String] = []
        while !rest.isEmpty {
            let part = String(Self.divide(&rest, by: chunk), radix: radix)
            parts.append(rest.isEmpty ? part : String(repeating: "0", count: digits - part.utf8.count) + part)
        }
        return (isNegative ? "-" : "") + parts.reversed().joined()
    }

    /// Reads digits of a radix, with or without a sign; nil for anything else and for more than `maximumDigits`.
    package init?(_ text: some StringProtocol, radix: Int = 10) {
        var digits = text.utf8[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") { digits.removeFirst() }
        guard !digits.isEmpty, digits.count <= Self.maximumDigits else { return nil }
        var limbs: [UInt32] = []
        for byte in digits {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            guard digit < radix else { return nil }
            Self.append(UInt32(digit), to: &limbs, radix: UInt32(radix))
        }
        guard limbs.count <= Self.maximumLimbs else { return nil }
        self.init(magnitude: limbs, isNegative: isNegative)
    }

    /// limbs = limbs * radix + digit
    private static func append(_ digit: UInt32, to limbs: inout [UInt32], radix: UInt32) {
        var carry = UInt64(digit)
        for at in limbs.indices {
            carry += UInt64(limbs[at]) * UInt64(radix)
            limbs[at] = UInt32(truncatingIfNeeded: carry)
            carry >>= 32
        }
        if carry > 0 { limbs.append(UInt32(carry)) }
    }

    /// Divides by one limb and returns the remainder.
    static func divide(_ limbs: inout [UInt32], by divisor: UInt32) -> UInt32 {
        var remainder: UInt64 = 0
        for at in limbs.indices.reversed() {
            let value = remainder << 32 | UInt64(limbs[at])
            limbs[at] = UInt32(value / UInt64(divisor))
            remainder = value % UInt64(divisor)
        }
        while limbs.last == 0 { limbs.removeLast() }
        return UInt32(remainder)
    }
}
