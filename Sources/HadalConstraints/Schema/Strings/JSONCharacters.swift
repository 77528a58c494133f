/// How characters are written inside the quotes of a JSON string.
///
/// Printable ASCII stands for itself, as every writer of JSON has it; other characters may be UTF-8 or `\u` escapes, two of them beyond
/// the first plane, and the short escapes are known. Half a surrogate pair is no character.
enum JSONCharacters {
    private static let surrogates = ScalarSet(0xD800...0xDFFF)
    private static let plain = ScalarSet(0x20...0x7E).subtracting(ScalarSet(["\"", "\\"]))
    private static let beyondASCII = ScalarSet(0x7F...ScalarSet.last).subtracting(surrogates)
    private static let escapedAlways = ScalarSet(0...0x1F)
    private static let shortEscapes: [(UInt32, Character)] = [
        (0x22, "\""), (0x5C, "\\"), (0x2F, "/"), (0x08, "b"), (0x0C, "f"), (0x0A, "n"), (0x0D, "r"), (0x09, "t"),
    ]

    /// One character of a set.
    static func regex(_ set: ScalarSet) -> ByteRegex {
        if set == .all { return anyCharacter }
        return make(set)
    }

    /// Any character at all.
    static let anyCharacter = make(.all)
    /// What may stand between the quotes.
    static let anyContent = ByteRegex.repetition(anyCharacter, minimum: 0, maximum: nil)

    private static func make(_ set: ScalarSet) -> ByteRegex {
        var members: [ByteRegex] = []
        let direct = set.intersection(plain.union(beyondASCII))
        if !direct.isEmpty { members.append(direct.utf8) }
        var letters = ByteSet()
        for (scalar, letter) in shortEscapes where set.contains(scalar) { letters.insert(letter.asciiValue ?? 0) }
        let escaped = set.intersection(escapedAlways.union(beyondASCII))
        var escapes: [ByteRegex] = letters.isEmpty ? [] : [.set(letters)]
        let short = escaped.intersection(ScalarSet(0...0xFFFF)).ranges.flatMap { hexadecimal($0.lowerBound, $0.upperBound, digits: 4) }
        let pairs = escaped.intersection(ScalarSet(0x1_0000...ScalarSet.last)).ranges.flatMap { surrogatePairs($0) }
        if !short.isEmpty || !pairs.isEmpty { escapes.append(.concatenation([.text("u"), union(short + pairs)])) }
        if !escapes.isEmpty { members.append(.concatenation([.text("\\"), union(escapes)])) }
        return union(members)
    }

    private static func union(_ members: [ByteRegex]) -> ByteRegex {
        members.isEmpty ? .nothing : members.count == 1 ? members[0] : .union(members)
    }

    private static func surrogatePairs(_ range: ClosedRange<UInt32>) -> [ByteRegex] {
        let (low, high) = (range.lowerBound - 0x1_0000, range.upperBound - 0x1_0000)
        func pairs(_ first: ClosedRange<UInt32>, _ second: ClosedRange<UInt32>) -> ByteRegex {
            .concatenation([
                union(hexadecimal(0xD800 + first.lowerBound, 0xD800 + first.upperBound, digits: 4)), .text("\\u"),
                union(hexadecimal(0xDC00 + second.lowerBound, 0xDC00 + second.upperBound, digits: 4)),
            ])
        }
        let (first, last) = (low >> 10, high >> 10)
        if first == last { return [pairs(first...first, low & 1023...high & 1023)] }
        var members: [ByteRegex] = []
        let from = low & 1023 == 0 ? first : first + 1
        let to = high & 1023 == 1023 ? last : last - 1
        if from > first { members.append(pairs(first...first, low & 1023...1023)) }
        if from <= to { members.append(pairs(from...to, 0...1023)) }
        if to < last { members.append(pairs(last...last, 0...high & 1023)) }
        return members
    }

    /// The numbers between two, as so many hexadecimal digits of either case.
    private static func hexadecimal(_ low: UInt32, _ high: UInt32, digits: Int) -> [ByteRegex] {
        let shift = UInt32(4 * (digits - 1))
        let (a, b) = (low >> shift, high >> shift)
        guard digits > 1 else { return [digit(a, b)] }
        let (rest, all) = (UInt32(1) << shift - 1, [ByteRegex](repeating: digit(0, 15), count: digits - 1))
        if a == b {
            return hexadecimal(low & rest, high & rest, digits: digits - 1).map { .concatenation([digit(a, a), $0]) }
        }
        var members: [ByteRegex] = []
        let from = low & rest == 0 ? a : a + 1
        let to = high & rest == rest ? b : b - 1
        if from > a {
            members.append(.concatenation([digit(a, a), union(hexadecimal(low & rest, rest, digits: digits - 1))]))
        }
        if from <= to { members.append(.concatenation([digit(from, to)] + all)) }
        if to < b { members.append(.concatenation([digit(b, b), union(hexadecimal(0, high & rest, digits: digits - 1))])) }
        return members
    }

    private static func digit(_ low: UInt32, _ high: UInt32) -> ByteRegex {
        var set = ByteSet()
        for value in low...high {
            for letter in (String(value, radix: 16) + String(value, radix: 16, uppercase: true)).utf8 { set.insert(letter) }
        }
        return .set(set)
    }
}
