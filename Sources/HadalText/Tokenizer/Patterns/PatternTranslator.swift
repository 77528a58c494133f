import HadalCore

/// Rewrites a published pattern into PCRE2's syntax so that it means what it means in its reference implementation.
///
/// Published patterns are written for Oniguruma. What differs: `\s`, `\w`, `\d` and `\h`, scripts, `\v`, nested
/// brackets and `&&` inside them, the letter of the dot-matches-newline option, and the Unicode version.
struct PatternTranslator {
    private static let maximumDepth = 32

    private let source: [Unicode.Scalar]
    private var at = 0
    private var out = ""

    static func translate(_ pattern: String) throws -> String {
        var translator = PatternTranslator(source: Array(pattern.unicodeScalars))
        try translator.run()
        return translator.out
    }

    private init(source: [Unicode.Scalar]) { self.source = source }

    private func fail(_ what: String) -> HadalError {
        HadalError(.malformed, "\(what) at character \(at + 1) of the pattern '\(String(String.UnicodeScalarView(source)))'")
    }

    private func peek(_ ahead: Int = 0) -> Unicode.Scalar? { at + ahead < source.count ? source[at + ahead] : nil }

    private mutating func run() throws {
        while let c = peek() {
            switch c {
            case "\\": try escape()
            case "[": out += try set(depth: 0).pattern
            case "(" where peek(1) == "?": group()
            default:
                out.unicodeScalars.append(c)
                at += 1
            }
        }
    }

    /// `(?imx-imx:` and `(?imx)`: Oniguruma's `m` is PCRE2's `s`.
    private mutating func group() {
        out += "(?"
        at += 2
        var end = at
        while end < source.count, "imx-".unicodeScalars.contains(source[end]) { end += 1 }
        guard end > at, end < source.count, source[end] == ":" || source[end] == ")" else { return }
        while at < end {
            out += source[at] == "m" ? "s" : String(source[at])
            at += 1
        }
    }

    /// An escape outside brackets.
    private mutating func escape() throws {
        if let set = try setEscape() {
            out += set.pattern
            return
        }
        guard let next = peek(1) else { throw fail("a lone '\\'") }
        if "vxuaefnrt0".unicodeScalars.contains(next) {
            at += 1
            out += "\\x{\(String(try character(), radix: 16))}"
        } else {
            out += "\\"
            out.unicodeScalars.append(next)
            at += 2
        }
    }

    /// An escape that stands for a set of characters; nil, and nothing consumed, for every other.
    private mutating func setEscape() throws -> CharacterSet? {
        guard let next = peek(1) else { throw fail("a lone '\\'") }
        let set: CharacterSet
        switch next {
        case "s": set = .whiteSpace
        case "S": set = .whiteSpace.inverted
        case "d": set = .digit
        case "D": set = .digit.inverted
        case "w": set = .word
        case "W": set = .word.inverted
        case "h": set = .hexDigit
        case "H": set = .hexDigit.inverted
        case "p", "P":
            at += 2
            let property = UnicodeProperty.set(named: try propertyName())
            return next == "P" ? property.inverted : property
        default: return nil
        }
        at += 2
        return set
    }

    private mutating func propertyName() throws -> String {
        guard let first = peek() else { throw fail("\\p without a property") }
        at += 1
        guard first == "{" else { return String(first) }
        var name = ""
        while let c = peek(), c != "}" {
            guard c.isASCII, c.properties.isAlphabetic || c.properties.numericType != nil || "^_ -".unicodeScalars.contains(c), name.utf8.count < 64
            else { throw fail("a malformed property name") }
            name.unicodeScalars.append(c)
            at += 1
        }
        guard peek() != nil, !name.isEmpty else { throw fail("a malformed property name") }
        at += 1
        return name
    }

    /// The character that an escape stands for; `at` is on the letter after the backslash.
    private mutating func character() throws -> UInt32 {
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
        case "0": return 0
        case "x": return try hexadecimal(digits: 2)
        case "u": return try hexadecimal(digits: 4)
        default: return c.value
        }
    }

    private mutating func hexadecimal(digits: Int) throws -> UInt32 {
        let braces = peek() == "{"
        if braces { at += 1 }
        var value: UInt32 = 0
        var count = 0
        while count < (braces ? 8 : digits), let c = peek(), let digit = Int(String(c), radix: 16) {
            value = value &* 16 &+ UInt32(digit)
            at += 1
            count += 1
        }
        guard count > 0, Unicode.Scalar(value) != nil, !braces || peek() == "}" else { throw fail("a malformed character number") }
        if braces { at += 1 }
        return value
    }

    /// A bracket expression; `at` is on its `[`.
    private mutating func set(depth: Int) throws -> CharacterSet {
        guard depth < Self.maximumDepth else { throw fail("brackets nested deeper than \(Self.maximumDepth)") }
        at += 1
        var result = CharacterSet()
        if peek() == "^" {
            result.negated = true
            at += 1
        }
        var first = true
        var part = CharacterSet()
        var parts: [CharacterSet] = []
        while true {
            guard let c = peek() else { throw fail("a '[' without its ']'") }
            if c == "]", !first || (at > 1 && source.dropFirst(at + 1).allSatisfy { $0 != "]" }) {
                at += 1
                break
            }
            first = false
            if c == "[", peek(1) == ":", let name = posixName() {
                part.items.append(.verbatim(name))
            } else if c == "[" {
                part.items.append(.set(try set(depth: depth + 1)))
            } else if c == "&", peek(1) == "&" {
                at += 2
                parts.append(part)
                part = CharacterSet()
            } else if c == "\\", let set = try setEscape() {
                part.items.append(.set(set))
            } else {
                part.items.append(try range())
            }
        }
        parts.append(part)
        result.items = parts[0].items
        result.intersections = Array(parts.dropFirst())
        return result
    }

    /// `[:name:]` as it stands, or nil.
    private mutating func posixName() -> String? {
        var end = at + 2
        while end < source.count, source[end].isASCII, source[end].properties.isAlphabetic || source[end] == "^" { end += 1 }
        guard end > at + 2, end + 1 < source.count, source[end] == ":", source[end + 1] == "]" else { return nil }
        defer { at = end + 2 }
        return String(String.UnicodeScalarView(source[at..<end + 2]))
    }

    /// One character, or a range of them.
    private mutating func range() throws -> CharacterSet.Item {
        let low = try literal()
        guard peek() == "-", let after = peek(1), after != "]", after != "[", !(after == "&" && peek(2) == "&") else { return .range(low, low) }
        if after == "\\", let kind = peek(2), "sSdDwWhHpP".unicodeScalars.contains(kind) { return .range(low, low) }
        at += 1
        let high = try literal()
        guard low <= high else { throw fail("a range that runs backwards") }
        return .range(low, high)
    }

    private mutating func literal() throws -> UInt32 {
        guard let c = peek() else { throw fail("a '[' without its ']'") }
        at += 1
        return c == "\\" ? try character() : c.value
    }
}
