import HadalCore

extension PatternTranslator {
    /// An escape that stands for a set of characters; nil, and nothing consumed, for every other.
    mutating func setEscape(inBrackets: Bool) throws -> CharacterSet? {
        guard let next = peek(1) else { throw fail("a lone '\\'") }
        let set: CharacterSet
        switch next {
        case "s": set = .whiteSpace
        case "S": set = CharacterSet.whiteSpace.inverted
        case "d": set = try Self.property("nd")
        case "D": set = try Self.property("nd").inverted
        // In brackets, superscript and fraction digits of Latin-1 are none.
        case "w": set = try inBrackets ? Self.property(":word:") : Self.word()
        case "W": set = try inBrackets ? Self.property(":word:").inverted : Self.word().inverted
        case "h": set = .hexDigit
        case "H": set = CharacterSet.hexDigit.inverted
        case "p", "P": return try propertyEscape(inBrackets: inBrackets)
        default: return nil
        }
        at += 2
        return set
    }

    static func word() throws -> CharacterSet { try property("word") }

    private static func property(_ name: String) throws -> CharacterSet {
        guard let set = try UnicodeProperty.set(named: name) else {
            throw HadalError(.notFound, "the table of properties has no '\(name)'")
        }
        return set
    }

    /// `\p{name}`, `\p{^name}`, `\P{name}`, `\pL`; a lone `\p` is the letter.
    private mutating func propertyEscape(inBrackets: Bool) throws -> CharacterSet? {
        guard peek(2) == "{" else {
            // Oniguruma takes `\pL` for the letters p and L.
            return nil
        }
        let start = at
        var isNegated = peek(1) == "P"
        at += 3
        if peek() == "^" {
            isNegated.toggle()
            at += 1
        }
        var name = ""
        while let c = peek(), c != "}", name.utf8.count < 64 {
            name.unicodeScalars.append(c)
            at += 1
        }
        guard peek() == "}" else {
            at = start
            throw fail("a malformed property name")
        }
        at += 1
        let shown = String(String.UnicodeScalarView(source[start..<at]))
        let key = inBrackets && name.lowercased() == "word" ? ":word:" : name
        guard !name.contains(":"),
            let set = try UnicodeProperty.set(named: key, negated: isNegated, ignoringCase: inBrackets && options.ignoresCase)
        else {
            at = start
            throw fail("unknown property \(shown)", .unsupported)
        }
        return set
    }

    /// The character that an escape stands for; `at` is on the letter after the backslash.
    mutating func character() throws -> UInt32 {
        guard let c = peek() else { throw fail("a lone '\\'") }
        at += 1
        switch c {
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "f": return 0x0C
        case "v": return 0x0B
        case "a": return 0x07
        case "e": return 0x1B
        case "b": return 0x08
        case "0"..."7":
            at -= 1
            return try number(radix: 8, most: 3)
        case "x":
            guard peek() == "{" else { return try number(radix: 16, most: 2) }
            at += 1
            let value = try number(radix: 16, most: 8)
            guard peek() == "}" else { throw fail("a malformed character number") }
            at += 1
            return value
        case "u":
            let start = at
            let value = try number(radix: 16, most: 4)
            guard at == start + 4 else { throw fail("a malformed character number") }
            return value
        case "c", "C", "M": throw fail("'\\\(c)' is not supported", .unsupported)
        default: return c.value
        }
    }

    private mutating func number(radix: Int, most: Int) throws -> UInt32 {
        var (value, count): (UInt32, Int) = (0, 0)
        while count < most, let c = peek(), c.isASCII, let digit = Int(String(c), radix: radix) {
            value = value &* UInt32(radix) &+ UInt32(digit)
            at += 1
            count += 1
        }
        guard count > 0, Unicode.Scalar(value) != nil else { throw fail("a malformed character number") }
        return value
    }

    /// A bracket expression; `at` is on its `[`.
    mutating func bracket(depth: Int) throws -> CharacterSet {
        guard depth < 32 else { throw fail("brackets nested deeper than 32", .limitExceeded) }
        let start = at
        at += 1
        var result = CharacterSet()
        if peek() == "^" {
            result.negated = true
            at += 1
        }
        if peek() == "]", !source[(at + 1)...].contains("]") { throw fail("an empty bracket expression") }
        var isFirst = true
        var part = CharacterSet()
        var parts: [CharacterSet] = []
        while true {
            guard let c = peek() else {
                at = start
                throw fail("a '[' without its ']'")
            }
            if c == "]", !isFirst {
                at += 1
                break
            }
            isFirst = false
            if c == "[" {
                if let set = try posixSet() {
                    part.items.append(.set(set))
                    try checkNoRange()
                } else {
                    part.items.append(.set(try bracket(depth: depth + 1)))
                }
            } else if c == "&", peek(1) == "&" {
                guard !options.ignoresCase else { throw fail("'&&' where case is ignored is not supported", .unsupported) }
                at += 2
                parts.append(part)
                part = CharacterSet()
            } else if c == "\\", let set = try setEscape(inBrackets: true) {
                part.items.append(.set(set))
                try checkNoRange()
            } else {
                part.items.append(try range())
            }
        }
        parts.append(part)
        result.items = parts[0].items
        result.intersections = Array(parts.dropFirst())
        return result
    }

    /// A set cannot be the end of a range; a `-` at the end is the character.
    private func checkNoRange() throws {
        if peek() == "-", let next = peek(1), next != "]" { throw fail("a range that starts with a set of characters") }
    }

    /// `[:name:]` or `[:^name:]`; nil, and nothing consumed, for every other bracket.
    private mutating func posixSet() throws -> CharacterSet? {
        guard peek(1) == ":" else { return nil }
        let isNegated = peek(2) == "^"
        var end = at + (isNegated ? 3 : 2)
        let first = end
        while end < source.count, source[end].isASCII, source[end].properties.isAlphabetic { end += 1 }
        guard end > first, end + 1 < source.count, source[end] == ":", source[end + 1] == "]" else { return nil }
        let name = String(String.UnicodeScalarView(source[first..<end]))
        let known = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit",
        ]
        guard known.contains(name),
            let set = try UnicodeProperty.set(
                named: ["punct", "word"].contains(name) ? ":\(name):" : name, negated: isNegated, ignoringCase: options.ignoresCase)
        else { throw fail("unknown POSIX bracket '\(name)'") }
        at = end + 2
        return set
    }

    /// One character, or a range of them.
    private mutating func range() throws -> CharacterSet.Item {
        let low = try literal()
        var high = low
        if peek() == "-", let after = peek(1), after != "]", after != "[", !(after == "&" && peek(2) == "&") {
            at += 1
            if after == "\\", let kind = peek(1),
                "sSdDwWhH".unicodeScalars.contains(kind) || ("pP".unicodeScalars.contains(kind) && peek(2) == "{")
            {
                throw fail("a range that ends with a set of characters")
            }
            high = try literal()
            guard low <= high else { throw fail("a range that runs backwards") }
        }
        if options.ignoresCase, high >= 0x80, (max(low, 0x80)...min(high, 0xFB17)).contains(where: Self.foldsToSeveral) {
            throw fail("a character that is several where case is ignored is not supported", .unsupported)
        }
        return .range(low, high)
    }

    private mutating func literal() throws -> UInt32 {
        guard let c = peek() else { throw fail("a '[' without its ']'") }
        at += 1
        return c == "\\" ? try character() : c.value
    }
}
