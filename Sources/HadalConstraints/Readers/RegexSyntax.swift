/// What `RegexReader` makes of a pattern before it knows what stands around it.
indirect enum RegexSyntax {
    /// Without assertions: the same wherever it stands.
    case plain(CharacterRegex)
    case sequence([RegexSyntax])
    case alternatives([RegexSyntax])
    /// - offset: of its first character in the pattern.
    case assertion(RegexAssertion, offset: Int)

    static func joined(_ parts: [RegexSyntax]) -> RegexSyntax {
        let plain = parts.compactMap(\.regex)
        return plain.count == parts.count ? .plain(.joined(plain)) : .sequence(parts)
    }

    static func any(of parts: [RegexSyntax]) -> RegexSyntax {
        let plain = parts.compactMap(\.regex)
        return plain.count == parts.count ? .plain(.any(of: plain)) : .alternatives(parts)
    }

    var regex: CharacterRegex? { if case .plain(let regex) = self { regex } else { nil } }
}

/// Matches no characters, but depends on what stands before or behind it.
indirect enum RegexAssertion {
    case textStart
    case textEnd
    case lookahead(RegexSyntax, negative: Bool)
    case lookbehind(RegexSyntax, negative: Bool)
    case wordBoundary(negative: Bool)

    /// Whether it depends on what stands before it, rather than behind.
    var looksBack: Bool {
        switch self {
        case .textStart, .lookbehind: true
        case .textEnd, .lookahead, .wordBoundary: false
        }
    }
}
