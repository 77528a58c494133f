extension Unicode.Scalar {
    /// The general category of Unicode 8, which the reference implementation of BERT's tokenizers knows.
    var unicode8Category: Unicode.GeneralCategory {
        switch value {
        case 0x1734, 0x1171E: return .nonspacingMark
        case 0x1885, 0x1886: return .otherLetter
        case 0xA9BD: return .spacingMark
        case 0x166D, 0x111C9: return .otherPunctuation
        default: break
        }
        guard let age = properties.age, age.major <= 8 else { return .unassigned }
        return properties.generalCategory
    }

    /// Whether a tokenizer.json's `StripAccents` takes the character away: the marks of Unicode 9.
    var isAccent: Bool {
        guard let age = properties.age, age.major <= 9, value != 0x111C9 else { return false }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return false
        }
    }

    /// The punctuation of BERT's tokenizers: that of Unicode, and every symbol of ASCII.
    var isPunctuation: Bool {
        switch value {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
        case 0..<0x80: return false
        default: break
        }
        switch unicode8Category {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
            .otherPunctuation:
            return true
        default: return false
        }
    }
}
