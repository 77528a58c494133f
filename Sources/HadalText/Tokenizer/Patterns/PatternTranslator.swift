import HadalCore

/// Rewrites a published pattern into PCRE2's syntax so that it means what it means in its reference implementation.
///
/// Published patterns are written in Oniguruma's own syntax. What differs: classes and properties and their Unicode version, brackets in brackets
/// and `&&`, the letter of the dot-matches-newline option and how far options reach, intervals (`{n,m}+` repeats, `{n}?` is optional, `{,m}`),
/// word boundaries, and numbers of groups beside named ones. What PCRE2 cannot say the same way is refused.
struct PatternTranslator {
    private static let maximumDepth = 64

    let source: [Unicode.Scalar]
    var at = 0
    /// `(?i)` and `(?x)`, and Oniguruma's `(?m)`: a dot matches a newline too.
    private(set) var options = Options()
    /// Groups without a name do not count where there are groups with one.
    private var hasNamedGroups = false
    private var groups = 0
    private var depth = 0

    struct Options {
        var ignoresCase = false
        var isExtended = false
        var dotMatchesNewline = false
    }

    static func translate(_ pattern: String) throws -> String {
        let source = Array(pattern.unicodeScalars)
        var translator = PatternTranslator(source: source)
        let out = try translator.whole()
        guard translator.hasNamedGroups else { return out }
        var again = PatternTranslator(source: source)
        again.hasNamedGroups = true
        return try again.whole()
    }

    private init(source: [Unicode.Scalar]) { self.source = source }

    func fail(_ what: String, _ code: HadalError.Code = .malformed) -> HadalError {
        HadalError(code, "\(what) at character \(at + 1) of the pattern '\(String(String.UnicodeScalarView(source)))'")
    }

    func peek(_ ahead: Int = 0) -> Unicode.Scalar? { at + ahead < source.count ? source[at + ahead] : nil }

    func starts(with text: String) -> Bool { source[at...].starts(with: text.unicodeScalars) }

    private mutating func whole() throws -> String {
        let out = try alternatives()
        guard at == source.count else { throw fail("a ')' without its '('") }
        return out
    }

    /// Everything up to the end of the group.
    private mutating func alternatives() throws -> String {
        guard depth < Self.maximumDepth else { throw fail("groups nested deeper than \(Self.maximumDepth)", .limitExceeded) }
        depth += 1
        defer { depth -= 1 }
        var out = ""
        while let c = peek(), c != ")" {
            if c == "|" {
                out += "|"
                at += 1
            } else if let atom = try atom() {
                out += try quantified(atom)
            }
        }
        return out
    }

    private struct Atom {
        var text: String
        /// Assertions cannot be repeated.
        var isAssertion = false
    }

    /// One element; nil for what matches nothing and stands for nothing.
    private mutating func atom() throws -> Atom? {
        guard let c = peek() else { return nil }
        if options.isExtended {
            if UTF8Text.isWhiteSpace(c.value), c.isASCII {
                at += 1
                return nil
            }
            if c == "#" {
                while let c = peek(), c != "\n" { at += c == "\n" ? 0 : 1 }
                return nil
            }
        }
        switch c {
        case "\\": return try escape()
        case "[": return Atom(text: try bracket(depth: 0).pattern)
        case "(": return try group()
        case ".":
            at += 1
            return Atom(text: options.dotMatchesNewline ? "(?s:.)" : "\\N")
        case "^", "$":
            at += 1
            return Atom(text: String(c), isAssertion: true)
        case "*", "+", "?": throw fail("nothing to repeat before '\(c)'")
        case "{" where interval() != nil: throw fail("nothing to repeat before '{'")
        default:
            if options.ignoresCase { try checkFolding() }
            at += 1
            return Atom(text: Self.literal(c.value))
        }
    }

    static func literal(_ value: UInt32) -> String {
        if value < 0x80, let scalar = Unicode.Scalar(value),
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == " "
        {
            return String(scalar)
        }
        return "\\x{\(String(value, radix: 16))}"
    }

    // MARK: Repetition

    /// `{n}`, `{n,}`, `{,m}` or `{n,m}` at the current place, and its length; nil where a brace is a character.
    private func interval() -> (low: Int, high: Int?, isExact: Bool, length: Int)? {
        guard peek() == "{" else { return nil }
        var end = 1
        func number() -> (Int?, Int) {
            var (value, next): (Int?, Int) = (nil, end)
            while let digit = peek(next).flatMap({ $0.isASCII ? Int(String($0)) : nil }), value ?? 0 < 1_000_000 {
                value = (value ?? 0) * 10 + digit
                next += 1
            }
            return (value, next)
        }
        let (low, afterLow) = number()
        end = afterLow
        if peek(end) == "}" { return low.map { ($0, $0, true, end + 1) } }
        guard peek(end) == "," else { return nil }
        end += 1
        let (high, afterHigh) = number()
        end = afterHigh
        guard peek(end) == "}", low != nil || high != nil else { return nil }
        return (low ?? 0, high, false, end + 1)
    }

    /// An element with the repetitions that follow it.
    private mutating func quantified(_ atom: Atom) throws -> String {
        var text = atom.text
        var (isRepeated, isLazy) = (false, false)
        while let c = peek() {
            let range = interval()
            guard "*+?".unicodeScalars.contains(c) || range != nil else { break }
            guard !atom.isAssertion else { throw fail("an assertion cannot be repeated") }
            // Oniguruma makes one repetition of two, which comes to the same for greedy ones alone.
            if isLazy { throw fail("a repetition of a lazy repetition", .unsupported) }
            if isRepeated { text = "(?:\(text))" }
            isRepeated = true
            guard let range else {
                at += 1
                text.unicodeScalars.append(c)
                if let next = peek(), next == "?" || next == "+" {
                    isLazy = next == "?"
                    text.unicodeScalars.append(next)
                    at += 1
                }
                continue
            }
            at += range.length
            guard range.low <= 65_535, range.high ?? 0 <= 65_535 else { throw fail("a repetition of more than 65535", .unsupported) }
            if let high = range.high, high < range.low {
                text = "(?>\(text){\(high),\(range.low)})"
                continue
            }
            text += range.isExact ? "{\(range.low)}" : "{\(range.low),\(range.high.map(String.init) ?? "")}"
            guard peek() == "?" else { continue }
            at += 1
            isLazy = true
            text = range.isExact ? "(?:\(text))?" : text + "?"
        }
        return text
    }

    // MARK: Groups

    private mutating func group() throws -> Atom? {
        let start = at
        func unsupported() -> HadalError { fail("an unsupported kind of group", .unsupported) }
        at += 1
        guard peek() == "?" else {
            guard peek() != "*" else { throw unsupported() }
            if !hasNamedGroups { groups += 1 }
            return Atom(text: try closed(hasNamedGroups ? "(?:" : "(", start))
        }
        at += 1
        if starts(with: "#") {
            while let c = peek(), c != ")" { at += c == "\\" ? 2 : 1 }
            guard peek() != nil else { throw fail("a '(' without its ')'") }
            at += 1
            return nil
        }
        for opening in ["<=", "<!", ":", "=", "!", ">"] where starts(with: opening) {
            at += opening.utf8.count
            return Atom(text: try closed("(?" + opening, start), isAssertion: opening != ":" && opening != ">")
        }
        if let quote = peek(), quote == "<" || quote == "'" {
            at += 1
            let name = try groupName(until: quote == "<" ? ">" : "'")
            hasNamedGroups = true
            groups += 1
            return Atom(text: try closed("(?<\(name)>", start))
        }
        return try optionGroup(start, unsupported())
    }

    /// What follows the opening of a group, and its end.
    private mutating func closed(_ opening: String, _ start: Int) throws -> String {
        let outer = options
        let inside = try alternatives()
        options = outer
        guard peek() == ")" else {
            at = start
            throw fail("a '(' without its ')'")
        }
        at += 1
        return opening + inside + ")"
    }

    /// `(?imx-imx:...)`, or `(?imx-imx)`, which holds up to the end of the group around it, over alternatives too.
    private mutating func optionGroup(_ start: Int, _ unsupported: HadalError) throws -> Atom {
        let outer = options
        var turnsOn = true
        while let c = peek(), c != ":", c != ")" {
            switch c {
            case "-": turnsOn = false
            case "i": options.ignoresCase = turnsOn
            case "m": options.dotMatchesNewline = turnsOn
            case "x": options.isExtended = turnsOn
            default: throw unsupported
            }
            at += 1
        }
        guard let end = peek() else { throw fail("a '(' without its ')'") }
        at += 1
        let opening = options.ignoresCase == outer.ignoresCase ? "(?:" : options.ignoresCase ? "(?i:" : "(?-i:"
        defer { options = outer }
        if end == ")" { return Atom(text: opening + (try alternatives()) + ")") }
        return Atom(text: try closed(opening, start))
    }

    private mutating func groupName(until end: Unicode.Scalar) throws -> String {
        var name = ""
        while let c = peek(), c != end {
            guard c.isASCII, c.properties.isAlphabetic || c == "_" || (!name.isEmpty && c.properties.numericType != nil),
                name.utf8.count < 32
            else { throw fail("an unsupported name of a group", .unsupported) }
            name.unicodeScalars.append(c)
            at += 1
        }
        guard peek() == end, !name.isEmpty else { throw fail("an unsupported name of a group", .unsupported) }
        at += 1
        return name
    }

    // MARK: Escapes outside brackets

    private mutating func escape() throws -> Atom {
        guard let next = peek(1) else { throw fail("a lone '\\'") }
        if let set = try setEscape(inBrackets: false) { return Atom(text: set.pattern) }
        let start = at
        at += 2
        switch next {
        case "A", "z", "Z", "G": return Atom(text: "\\" + String(next), isAssertion: true)
        case "K": return Atom(text: "\\K", isAssertion: true)
        case "b", "B":
            let word = try Self.word().pattern
            let (same, other) = next == "b" ? ("!", "=") : ("=", "!")
            return Atom(text: "(?:(?<=\(word))(?\(same)\(word))|(?<!\(word))(?\(other)\(word)))", isAssertion: true)
        case "R": return Atom(text: "(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])")
        case "N": return Atom(text: "\\N")
        case "O": return Atom(text: "(?s:.)")
        case "k":
            guard peek() == "<" || peek() == "'" else { return Atom(text: "k") }
            let quote: Unicode.Scalar = peek() == "<" ? ">" : "'"
            at += 1
            return Atom(text: "\\k<\(try groupName(until: quote))>")
        case "1"..."9":
            at = start + 1
            var number = 0
            while let digit = peek().flatMap({ $0.isASCII ? Int(String($0)) : nil }), number < 1000 {
                number = number * 10 + digit
                at += 1
            }
            if number > 9, number > groups, next <= "7" {
                at = start + 1
                return Atom(text: Self.literal(try character()))
            }
            guard number <= groups, !hasNamedGroups else {
                at = start
                throw fail("a reference to a group that is not before it", .unsupported)
            }
            return Atom(text: "(?:\\g{\(number)})")
        case "X", "y", "Y", "g", "M":
            at = start
            throw fail("'\\\(next)' is not supported", .unsupported)
        default:
            at = start + 1
            let value = try character()
            if options.ignoresCase { try Self.checkFolding(of: value, self) }
            return Atom(text: Self.literal(value))
        }
    }

    // MARK: Case

    /// Pairs and triples of letters that a single character equals where case is ignored.
    private static let foldedRuns = ["ss", "ff", "fi", "fl", "st"]

    /// Refuses literal text for which case folding changes the number of characters: PCRE2 folds one by one.
    private func checkFolding() throws {
        guard let c = peek() else { return }
        try Self.checkFolding(of: c.value, self)
        guard let next = peek(1), c.isASCII, next.isASCII else { return }
        let pair = (String(c) + String(next)).lowercased()
        if Self.foldedRuns.contains(pair) {
            throw fail("'\(c)\(next)' where case is ignored, which is one character too, is not supported", .unsupported)
        }
    }

    /// Whether a character equals several others where case is ignored.
    static func foldsToSeveral(_ value: UInt32) -> Bool {
        guard value >= 0x80, let properties = Unicode.Scalar(value)?.properties else { return false }
        return value == 0x1E9E || properties.uppercaseMapping.unicodeScalars.count > 1
            || properties.lowercaseMapping.unicodeScalars.count > 1
    }

    static func checkFolding(of value: UInt32, _ translator: PatternTranslator) throws {
        if foldsToSeveral(value) {
            throw translator.fail("a character that is several where case is ignored is not supported", .unsupported)
        }
    }
}
