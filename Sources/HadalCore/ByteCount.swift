/// A number of bytes as people write it: "2GiB", "512 MiB", "1.5G", "2000000000".
package struct ByteCount: Sendable, Equatable {
    package let bytes: Int

    package init(bytes: Int) { self.bytes = bytes }

    /// KiB, MiB, GiB and TiB, or K, M, G and T, are powers of 1024; KB, MB, GB and TB powers of 1000; nothing, or B, is bytes.
    ///
    /// nil for anything else, negative numbers and those that do not fit.
    package init?(_ text: String) {
        let trimmed = text.drop { $0 == " " }
        let number = trimmed.prefix { ("0"..."9").contains($0) || $0 == "." }
        var unit = trimmed.dropFirst(number.count).drop { $0 == " " }.lowercased()
        while unit.last == " " { unit.removeLast() }
        let exponents: [Character: Int] = ["k": 1, "m": 2, "g": 3, "t": 4]
        var scale = 1
        switch unit {
        case "", "b": break
        default:
            guard let first = unit.first, let exponent = exponents[first] else { return nil }
            let base: Int
            switch unit.dropFirst() {
            case "", "ib": base = 1024
            case "b": base = 1000
            default: return nil
            }
            for _ in 0..<exponent { scale *= base }
        }
        if let whole = Int(number) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: scale)
            guard !overflow else { return nil }
            bytes = product
        } else {
            guard let value = Double(String(number)), value.isFinite, value >= 0, value * Double(scale) < 0x1p62 else { return nil }
            bytes = Int(value * Double(scale))
        }
    }
}

extension ByteCount: CustomStringConvertible {
    /// As `init(_:)` reads it, with the largest unit that leaves a whole number: "1GiB", "1500000".
    package var description: String {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] where bytes != 0 && bytes & (1 << shift - 1) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)"
    }

    /// For people: three digits and the unit that suits them, "1.25 GiB".
    package var rounded: String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let digits = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
        guard digits > 0 else { return "\(Int(value.rounded(.toNearestOrEven))) \(units[unit])" }
        let scale = digits == 1 ? 10 : 100
        let scaled = Int((value * Double(scale)).rounded(.toNearestOrEven))
        let fraction = String(scaled % scale)
        return "\(scaled / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction) \(units[unit])"
    }
}
