/// The normalization of BERT's published tokenizers.
struct BertNormalizer: Sendable {
    /// Control characters go, and white space becomes spaces.
    var cleansText = true
    /// Spaces go around ideographs.
    var separatesIdeographs = true
    var stripsAccents = true
    var lowercases = true

    /// `text` is valid UTF-8, and so is the result.
    func apply(to text: [UInt8]) -> [UInt8] {
        var text = text
        if cleansText || separatesIdeographs {
            var out = String.UnicodeScalarView()
            for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
                if cleansText, Self.isControl(scalar) { continue }
                let isIdeograph = separatesIdeographs && Self.isIdeograph(scalar.value)
                if isIdeograph { out.append(" ") }
                out.append(cleansText && UTF8Text.isWhiteSpace(scalar.value) ? " " : scalar)
                if isIdeograph { out.append(" ") }
            }
            text = Array(String(out).utf8)
        }
        if stripsAccents {
            let decomposed = String(decoding: UTF8Text.isASCII(text) ? text : UnicodeNormalForm.nfd.apply(to: text), as: UTF8.self)
            text = Array(String(String.UnicodeScalarView(decomposed.unicodeScalars.filter { $0.unicode8Category != .nonspacingMark })).utf8)
        }
        return lowercases ? Normalizer.lowercased(text) : text
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\t", "\n", "\r": false
        case "\0", "\u{FFFD}": true
        default:
            switch scalar.unicode8Category {
            case .control, .format, .privateUse, .surrogate: true
            default: false
            }
        }
    }

    /// The CJK Unified Ideographs and their extensions up to E, and the compatibility ideographs.
    private static func isIdeograph(_ value: UInt32) -> Bool {
        switch value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF,
            0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}
