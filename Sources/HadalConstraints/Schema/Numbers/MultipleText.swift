/// Multiples of decimals that are not whole, as `digits.digits`.
enum MultipleText {
    /// nil where the divisor has a factor other than 2 and 5: its multiples are not known by their last digits.
    static func fractional(of divisor: Divisor) -> ByteRegex? {
        let anyWhole = DigitRegex.anyCount1
        if divisor.units == 1 {
            return .concatenation([
                anyWhole, .text("."), .repetition(DigitRegex.any, minimum: 1, maximum: max(1, divisor.places)), DigitRegex.zeros,
            ])
        }
        // So many last digits decide.
        var power = 1
        var length = 0
        while power % divisor.units != 0 {
            guard length < 6 else { return nil }
            power *= 10
            length += 1
        }
        while length < divisor.places {
            guard length < 6 else { return nil }
            power *= 10
            length += 1
        }
        guard power / divisor.units <= 1000 else { return nil }
        var members: [ByteRegex] = []
        for value in stride(from: 0, to: power, by: divisor.units) {
            let text = String(value)
            let digits = String(repeating: "0", count: length - text.count) + text
            let whole = digits.prefix(length - divisor.places)
            var fraction = digits.suffix(divisor.places)
            while fraction.last == "0" { fraction.removeLast() }
            let end: ByteRegex = .concatenation([.text("." + fraction), DigitRegex.zeros])
            members.append(.concatenation([DigitRegex.anyCount, .text(String(whole)), end]))
            var short = whole
            while short.count > 1, short.first == "0" {
                short.removeFirst()
                members.append(.concatenation([.text(String(short)), end]))
            }
        }
        return .union(members)
    }
}
