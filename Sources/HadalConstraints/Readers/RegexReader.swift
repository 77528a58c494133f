import HadalCore

/// Reads regular expressions as users write them: ECMA-262's syntax, and what PCRE and Python share with it.
///
/// What a regular language cannot say exactly (backreferences, atomic groups, assertions inside loops) is refused with its position.
/// `\d`, `\w` and `\s` have ECMA-262's meaning, `.` is any character that does not end a line; flags `(?i)` and `(?s)` change that.
package struct RegexReader {
    package enum Mode: Sendable {
        /// The whole text must match.
        case whole
        /// The pattern may match anywhere in the text, as in JSON Schema, unless `^` and `$` say otherwise.
        case search
    }

    /// - Parameter name: what errors call the pattern.
    /// - Throws: `HadalError` of code `malformed`, `unsupported` or `limitExceeded`, with line and column in the pattern.
    package static func read(_ pattern: String, mode: Mode, name: String = "pattern") throws -> CharacterRegex {
        var reader = RegexReader(pattern, name: name)
        let syntax = try reader.alternatives(depth: 0)
        if let character = reader.current { throw reader.malformed("'\(character)' without its opening") }
        let context = mode == .whole ? CharacterRegex.empty : .anyText
        var expansion = RegexExpansion(reader: reader)
        return try expansion.language(of: syntax, before: context, after: context)
    }

    static let maximumLength = 1 << 18
    static let maximumDepth = 200

    let scalars: [Unicode.Scalar]
    let name: String
    var position = 0
    var ignoresCase = false
    var dotMatchesAll = false
    private let stack = StackGuard()

    private init(_ pattern: String, name: String) {
        scalars = Array(pattern.unicodeScalars)
        self.name = name
    }

    var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    mutating func take(text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    // MARK: Errors

    func place(_ offset: Int? = nil) -> SourcePlace {
        var line = 1
        var column = 1
        for scalar in scalars.prefix(offset ?? position) {
            if scalar == "\n" {
                line += 1
                column = 1
            } else {
                column += UTF8.width(scalar)
            }
        }
        return SourcePlace(name, .text(line: line, column: column))
    }

    func malformed(_ message: String, at offset: Int? = nil) -> HadalError { HadalError(.malformed, message, at: place(offset)) }
    func unsupported(_ message: String, at offset: Int? = nil) -> HadalError { HadalError(.unsupported, message, at: place(offset)) }
    func limit(_ message: String, at offset: Int? = nil) -> HadalError { HadalError(.limitExceeded, message, at: place(offset)) }

    // MARK: Structure

    private mutating func alternatives(depth: Int) throws -> RegexSyntax {
        if depth == 0, scalars.count > RegexReader.maximumLength {
            throw limit("the regular expression is longer than \(RegexReader.maximumLength) characters")
        }
        guard depth <= RegexReader.maximumDepth else { throw limit("groups nest more than \(RegexReader.maximumDepth) deep") }
        try stack.check()
        let outer = (ignoresCase, dotMatchesAll)
        var parts = [try sequence(depth: depth)]
        while take("|") { parts.append(try sequence(depth: depth)) }
        (ignoresCase, dotMatchesAll) = outer
        return .any(of: parts)
    }

    private mutating func sequence(depth: Int) throws -> RegexSyntax {
        var parts: [RegexSyntax] = []
        while let character = current, character != "|", character != ")" {
            let start = position
            guard let atom = try atom(depth: depth) else { continue }
            parts.append(try quantified(atom, start: start))
        }
        return .joined(parts)
    }

    private mutating func quantified(_ atom: RegexSyntax, start: Int) throws -> RegexSyntax {
        let offset = position
        guard let (minimum, maximum) = try quantifier() else { return atom }
        if take("+") { throw unsupported("possessive quantifiers are not regular", at: offset) }
        _ = take("?")
        if let character = current, "*+?".unicodeScalars.contains(character) { throw malformed("a quantifier has nothing to repeat") }
        if case .assertion = atom { throw malformed("an assertion cannot be repeated", at: offset) }
        if let regex = atom.regex {
            if maximum == 0 || regex == .empty { return .plain(.empty) }
            return minimum == 1 && maximum == 1 ? atom : .plain(.repetition(regex, minimum: minimum, maximum: maximum))
        }
        switch (minimum, maximum) {
        case (1, 1): return atom
        case (0, 1): return .alternatives([.plain(.empty), atom])
        default: throw unsupported("an assertion inside a repeated group", at: start)
        }
    }

    private mutating func quantifier() throws -> (Int, Int?)? {
        switch current {
        case "*": position += 1; return (0, nil)
        case "+": position += 1; return (1, nil)
        case "?": position += 1; return (0, 1)
        case "{":
            let start = position
            position += 1
            if take(",") {
                if try number() != nil, take("}") { throw unsupported("a repetition needs its minimum: {0,…}", at: start) }
                position = start
                return nil
            }
            guard let minimum = try number() else { position = start; return nil }
            if take("}") { return (minimum, minimum) }
            guard take(",") else { position = start; return nil }
            let maximum = try number()
            guard take("}") else { position = start; return nil }
            if let maximum, maximum < minimum { throw malformed("the maximum of a repetition is below its minimum", at: start) }
            return (minimum, maximum)
        default: return nil
        }
    }

    private mutating func number() throws -> Int? {
        let start = position
        var value = 0
        while let digit = current, ("0"..."9").contains(digit) {
            value = value * 10 + Int(digit.value - 0x30)
            if value > Int(Int32.max) { throw limit("a repetition is limited to \(Int32.max)", at: start) }
            position += 1
        }
        return position == start ? nil : value
    }

    /// Nil where flags were set and nothing was read.
    private mutating func atom(depth: Int) throws -> RegexSyntax? {
        let start = position
        guard let character = current else { return nil }
        switch character {
        case "(": return try group(depth: depth)
        case "[": return .plain(.set(try characterClass()))
        case "*", "+", "?": throw malformed("a quantifier has nothing to repeat")
        case "{" where try quantifier() != nil: throw malformed("a quantifier has nothing to repeat", at: start)
        case ".":
            position += 1
            return .plain(.set(dotMatchesAll ? .all : ScalarSet.lineTerminators.complement))
        case "^":
            position += 1
            return .assertion(.textStart, offset: start)
        case "$":
            position += 1
            return .assertion(.textEnd, offset: start)
        case "\\":
            if let assertion = try escapedAssertion() { return .assertion(assertion, offset: start) }
            return .plain(.set(folded(try escape(inClass: false))))
        default:
            position += 1
            return .plain(.set(folded(ScalarSet([character]))))
        }
    }

    func folded(_ set: ScalarSet) -> ScalarSet { ignoresCase ? set.caseInsensitive : set }

    private mutating func group(depth: Int) throws -> RegexSyntax? {
        let start = position
        position += 1
        var assertion: (RegexSyntax) -> RegexAssertion? = { _ in nil }
        let outer = (ignoresCase, dotMatchesAll)
        if take("?") {
            if take("=") {
                assertion = { .lookahead($0, negative: false) }
            } else if take("!") {
                assertion = { .lookahead($0, negative: true) }
            } else if take(text: "<=") {
                assertion = { .lookbehind($0, negative: false) }
            } else if take(text: "<!") {
                assertion = { .lookbehind($0, negative: true) }
            } else if take("<") || take(text: "P<") {
                while let letter = current, letter != ">" {
                    guard letter == "_" || letter == "$" || letter.properties.isIDContinue else { throw malformed("a group's name") }
                    position += 1
                }
                guard take(">") else { throw malformed("a group's name without its end", at: start) }
            } else if current == ">" || current == "|" || current == "(" || current == "P" || current == "R" || current == "&" {
                throw unsupported("this kind of group is not regular or not known", at: start)
            } else if try flags(start: start) {
                return nil
            }
        } else if current == "*" {
            throw unsupported("control verbs", at: start)
        }
        let inner = try alternatives(depth: depth + 1)
        guard take(")") else { throw malformed("a group without its end", at: start) }
        (ignoresCase, dotMatchesAll) = outer
        return assertion(inner).map { .assertion($0, offset: start) } ?? inner
    }

    /// Flags up to ":" or ")"; true where they hold for the rest of the enclosing group.
    private mutating func flags(start: Int) throws -> Bool {
        var value = true
        while let letter = current {
            position += 1
            switch letter {
            case "-": value = false
            case "i": ignoresCase = value
            case "s": dotMatchesAll = value
            case "u": break
            case ":": return false
            case ")": return true
            default: throw unsupported("the flag '\(letter)'", at: position - 1)
            }
        }
        throw malformed("a group without its end", at: start)
    }
}
