import HadalCore

extension RegexReader {
    /// At "\\": an assertion, or nil with the position unchanged.
    mutating func escapedAssertion() throws -> RegexAssertion? {
        guard position + 1 < scalars.count else { throw malformed("a backslash at the end") }
        let assertion: RegexAssertion
        switch scalars[position + 1] {
        case "b": assertion = .wordBoundary(negative: false)
        case "B": assertion = .wordBoundary(negative: true)
        case "A": assertion = .textStart
        case "z": assertion = .textEnd
        default: return nil
        }
        position += 2
        return assertion
    }

    /// At "\\": the set of characters that an escape stands for.
    mutating func escape(inClass: Bool) throws -> ScalarSet {
        let start = position
        position += 1
        guard let letter = current else { throw malformed("a backslash at the end", at: start) }
        position += 1
        switch letter {
        case "d": return .digits
        case "D": return ScalarSet.digits.complement
        case "w": return .wordCharacters
        case "W": return ScalarSet.wordCharacters.complement
        case "s": return .whitespace
        case "S": return ScalarSet.whitespace.complement
        case "p": return try property(start: start)
        case "P": return try property(start: start).complement
        case "t": return ScalarSet(["\t"])
        case "n": return ScalarSet(["\n"])
        case "r": return ScalarSet(["\r"])
        case "v": return ScalarSet(["\u{0B}"])
        case "f": return ScalarSet(["\u{0C}"])
        case "a" where !inClass: return ScalarSet(["\u{07}"])
        case "e" where !inClass: return ScalarSet(["\u{1B}"])
        case "b" where inClass: return ScalarSet(["\u{08}"])
        case "0":
            if let next = current, ("0"..."9").contains(next) { throw unsupported("octal escapes", at: start) }
            return ScalarSet(["\0"])
        case "1"..."9": throw unsupported(inClass ? "octal escapes" : "backreferences are not regular", at: start)
        case "k": throw unsupported("backreferences are not regular", at: start)
        case "c":
            guard let control = current, control.isASCII, control.properties.isAlphabetic else {
                throw malformed("\\c must be followed by a letter", at: start)
            }
            position += 1
            return ScalarSet(control.value & 31...control.value & 31)
        case "x":
            let value = try take("{") ? braced(start: start) : hexadecimal(digits: 2, start: start)
            return ScalarSet(value...value)
        case "u":
            let value = try unicode(start: start)
            return ScalarSet(value...value)
        case _ where letter.isASCII && (letter.properties.isAlphabetic || letter == "_"):
            if letter == "_" { return ScalarSet(["_"]) }
            throw unsupported("the escape \\\(letter)", at: start)
        default: return ScalarSet([letter])
        }
    }

    private mutating func unicode(start: Int) throws -> UInt32 {
        if take("{") { return try braced(start: start) }
        let high = try hexadecimal(digits: 4, start: start)
        // Two halves of a UTF-16 pair are one character.
        let rewind = position
        if (0xD800...0xDBFF).contains(high), take(text: "\\u"), current != "{" {
            let low = try hexadecimal(digits: 4, start: rewind)
            if (0xDC00...0xDFFF).contains(low) { return 0x1_0000 + (high - 0xD800) << 10 + (low - 0xDC00) }
        }
        position = (0xD800...0xDBFF).contains(high) ? rewind : position
        return high
    }

    private mutating func hexadecimal(digits: Int, start: Int) throws -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let digit = current?.hexadecimalDigit else { throw malformed("an escape needs \(digits) hexadecimal digits", at: start) }
            value = value << 4 | digit
            position += 1
        }
        return value
    }

    private mutating func braced(start: Int) throws -> UInt32 {
        var value: UInt32 = 0
        var count = 0
        while let digit = current?.hexadecimalDigit {
            value = value << 4 | digit
            guard value <= ScalarSet.last else { throw malformed("there is no such character", at: start) }
            position += 1
            count += 1
        }
        guard count > 0, take("}") else { throw malformed("an escape without its end", at: start) }
        return value
    }

    private mutating func property(start: Int) throws -> ScalarSet {
        var name = ""
        if take("{") {
            while let letter = current, letter != "}" {
                name.unicodeScalars.append(letter)
                position += 1
            }
            guard take("}") else { throw malformed("a property without its end", at: start) }
        } else if let letter = current {
            name.unicodeScalars.append(letter)
            position += 1
        }
        let negated = name.hasPrefix("^")
        if negated { name.removeFirst() }
        guard let set = ScalarSet.property(name) else { throw unsupported("the property '\(name)'", at: start) }
        return negated ? set.complement : set
    }

    /// At "[".
    mutating func characterClass() throws -> ScalarSet {
        let start = position
        position += 1
        let negated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while true {
            guard let character = current else { throw malformed("a character class without its end", at: start) }
            if character == "]" { break }
            let itemStart = position
            let low = try classMember()
            guard current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                ranges += low.ranges
                continue
            }
            position += 1
            let high = try classMember()
            guard let first = low.only, let last = high.only else {
                // [\w-.]: a hyphen beside a class stands for itself.
                ranges += low.ranges + high.ranges + [0x2D...0x2D]
                continue
            }
            guard first <= last else { throw malformed("a range of characters runs backwards", at: itemStart) }
            ranges.append(first...last)
        }
        position += 1
        // Case is folded before the complement: [^a] excludes both a and A.
        let set = folded(ScalarSet(ranges: ranges))
        return negated ? set.complement : set
    }

    private mutating func classMember() throws -> ScalarSet {
        guard let character = current else { throw malformed("a character class without its end") }
        if character == "\\" {
            guard position + 1 < scalars.count else { throw malformed("a backslash at the end") }
            return try escape(inClass: true)
        }
        if character == "[", position + 1 < scalars.count, [":", ".", "="].contains(scalars[position + 1]) {
            throw unsupported("POSIX classes; \\p{…} names properties")
        }
        position += 1
        return ScalarSet([character])
    }
}

extension ScalarSet {
    fileprivate var only: UInt32? {
        guard ranges.count == 1, let range = ranges.first, range.count == 1 else { return nil }
        return range.lowerBound
    }
}

extension Unicode.Scalar {
    var hexadecimalDigit: UInt32? {
        switch value {
        case 0x30...0x39: value - 0x30
        case 0x41...0x46: value - 0x37
        case 0x61...0x66: value - 0x57
        default: nil
        }
    }
}
