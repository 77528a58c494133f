#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import HadalCore

/// Numbers written and read as Python does.
package enum PythonNumber {
    /// `repr` of a float: the shortest digits that read back as the same value.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        let (digits, exponent) = shortest(value.magnitude)
        let sign = value.sign == .minus ? "-" : ""
        if exponent < -4 || exponent >= 16 {
            let rest = digits.dropFirst()
            let mark = exponent < 0 ? "-" : "+"
            let power = String(abs(exponent))
            return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e" + mark + (power.utf8.count < 2 ? "0" : "") + power
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
        if digits.utf8.count <= exponent + 1 {
            return sign + digits + String(repeating: "0", count: exponent + 1 - digits.utf8.count) + ".0"
        }
        return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }

    /// Shortest significant digits and the decimal exponent of the first.
    static func shortest(_ magnitude: Double) -> (digits: String, exponent: Int) {
        if magnitude == 0 { return ("0", 0) }
        var mantissa = magnitude.description
        var exponent = 0
        if let e = mantissa.firstIndex(of: "e") {
            exponent = Int(mantissa[mantissa.index(after: e)...]) ?? 0
            mantissa = String(mantissa[..<e])
        }
        let dot = mantissa.firstIndex(of: ".") ?? mantissa.endIndex
        let whole = mantissa[..<dot]
        let fraction = dot == mantissa.endIndex ? "" : mantissa[mantissa.index(after: dot)...]
        var digits = Substring(String(whole + fraction))
        exponent += whole.utf8.count - 1
        while digits.first == "0", digits.utf8.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.last == "0", digits.utf8.count > 1 { digits.removeLast() }
        return (String(digits), exponent)
    }

    /// C's `%.{precision}{conversion}` of a float, for the conversions e, f and g.
    static func formatted(_ value: Double, precision: Int, conversion: Character) -> String {
        // Longest: 309 digits before the point, the precision after it.
        var buffer = [CChar](repeating: 0, count: 340 + max(0, precision))
        let format = "%.*\(conversion)"
        let written = withVaList([Int32(clamping: precision), value]) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(decoding: buffer.prefix(max(0, min(Int(written), buffer.count - 1))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Python's `round`: correctly rounded decimal digits, ties on the binary value going to even.
    static func rounded(_ value: Double, digits: Int) -> Double {
        guard value.isFinite else { return value }
        if digits > 323 { return value }
        if digits < -308 { return value.sign == .minus ? -0.0 : 0 }
        if digits >= 0 { return Double(formatted(value, precision: digits, conversion: "f")) ?? value }
        let power = pow(10, Double(-digits))
        return (value / power).rounded(.toNearestOrEven) * power
    }

    /// `int(text, base)`; nil for text that is no integer, or one of more digits than Python reads.
    package static func parseInteger(_ text: String, base: Int = 10) -> BigInteger? {
        var digits = Substring(StringMethods.strip(text, nil, leading: true, trailing: true))
        var isNegative = false
        if digits.first == "-" || digits.first == "+" { isNegative = digits.removeFirst() == "-" }
        var base = base
        guard base == 0 || (2...36).contains(base) else { return nil }
        var mayUnderscore = false
        if digits.utf8.count > 1, digits.first == "0", let mark = digits.dropFirst().first.map({ Character($0.lowercased()) }) {
            let marked = mark == "x" ? 16 : mark == "o" ? 8 : mark == "b" ? 2 : 0
            if marked != 0, base == 0 || base == marked {
                digits = digits.dropFirst(2)
                base = marked
                mayUnderscore = true
            }
        }
        if base == 0 {
            // A leading zero without a mark is only allowed for zero itself.
            if digits.first == "0", digits.contains(where: { $0 != "0" && $0 != "_" }) { return nil }
            base = 10
        }
        var plain = isNegative ? "-" : ""
        var lastWasDigit = mayUnderscore
        for scalar in digits.unicodeScalars {
            if scalar == "_" {
                guard lastWasDigit else { return nil }
                lastWasDigit = false
                continue
            }
            lastWasDigit = true
            if scalar.isASCII {
                plain.unicodeScalars.append(scalar)
            } else {
                guard scalar.properties.numericType == .decimal, let numeric = scalar.properties.numericValue else { return nil }
                plain += String(Int(numeric))
            }
        }
        return lastWasDigit ? BigInteger(plain, radix: base) : nil
    }

    /// `float(text)`
    package static func parseFloat(_ text: String) -> Double? {
        let stripped = StringMethods.strip(text, nil, leading: true, trailing: true)
        var body = ""
        var previous: Character = " "
        for c in stripped {
            if c == "_" {
                guard previous.isASCII, previous.isNumber else { return nil }
            } else {
                if previous == "_", !(c.isASCII && c.isNumber) { return nil }
                body.append(c)
            }
            previous = c
        }
        guard previous != "_", !body.isEmpty else { return nil }
        switch body.lowercased() {
        case "nan", "+nan", "-nan": return .nan
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        default: break
        }
        guard body.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2E || $0 == 0x2B || $0 == 0x2D || $0 | 0x20 == 0x65 }) else {
            return nil
        }
        if let value = Double(body) { return value }
        // Swift wants a digit on both sides of the point.
        var parts = body.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return nil }
        let hasWhole = parts[0].last?.isNumber ?? false
        let hasFraction = parts[1].first?.isNumber ?? false
        guard hasWhole || hasFraction else { return nil }
        if !hasWhole { parts[0] += "0" }
        if !hasFraction { parts[1] = "0" + parts[1] }
        return Double(parts.joined(separator: "."))
    }
}
