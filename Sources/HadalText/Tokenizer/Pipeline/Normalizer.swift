/// Rewrites a text before it is cut into pieces. The components of a published tokenizer.json.
indirect enum Normalizer: Sendable {
    case unicode(UnicodeNormalForm)
    case lowercase
    case stripAccents
    case strip(left: Bool, right: Bool)
    /// Removes what the matcher finds.
    case replace(TextMatcher, with: [UInt8])
    case prepend([UInt8])
    case byteLevel
    case bert(BertNormalizer)
    case precompiled(PrecompiledMap)
    /// Control characters go, and what stands for white space becomes spaces, as in SentencePiece's training for translation.
    case translation
    case sequence([Normalizer])

    /// `text` is valid UTF-8, and so is the result.
    func apply(to text: [UInt8], _ scratch: Pattern.Scratch) throws -> [UInt8] {
        var keepsStart = true
        return try apply(to: text, scratch, &keepsStart)
    }

    /// - Parameter keepsStart: becomes false where the text loses its beginning, so that what comes first now did not start the text.
    func apply(to text: [UInt8], _ scratch: Pattern.Scratch, _ keepsStart: inout Bool) throws -> [UInt8] {
        switch self {
        case .sequence(let all): return try all.reduce(text) { try $1.apply(to: $0, scratch, &keepsStart) }
        case .unicode(let form): return UTF8Text.isASCII(text) ? text : form.apply(to: text)
        case .lowercase: return Self.lowercased(text)
        case .stripAccents:
            let kept = String(decoding: text, as: UTF8.self).unicodeScalars.filter { !$0.isAccent }
            return Array(String(String.UnicodeScalarView(kept)).utf8)
        case .bert(let normalizer): return normalizer.apply(to: text)
        case .precompiled(let map): return map.apply(to: text)
        case .translation: return Self.cleanedForTranslation(text)
        case .strip(let left, let right):
            return text.withUnsafeBufferPointer { buffer in
                let start = left ? UTF8Text.leadingSpaceEnd(buffer, from: 0, to: buffer.count) : 0
                if start > 0 { keepsStart = false }
                let end = right ? UTF8Text.trailingSpaceStart(buffer, from: start, to: buffer.count) : buffer.count
                return Array(buffer[start..<end])
            }
        case .replace(let matcher, let content):
            var out: [UInt8] = []
            out.reserveCapacity(text.count)
            var at = 0
            try text.withUnsafeBufferPointer { buffer in
                try matcher.forEachMatch(in: buffer, 0..<buffer.count, scratch) { match in
                    if match.lowerBound == 0, !match.isEmpty, content.isEmpty { keepsStart = false }
                    out += buffer[at..<match.lowerBound]
                    out += content
                    at = match.upperBound
                }
            }
            return out + text[at...]
        case .prepend(let prefix): return text.isEmpty ? text : prefix + text
        case .byteLevel:
            var out: [UInt8] = []
            ByteAlphabet.encode(text, into: &out)
            return out
        }
    }

    /// Scalar by scalar, without the context rules that `String.lowercased()` might apply.
    static func lowercased(_ text: [UInt8]) -> [UInt8] {
        var out = ""
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { out += scalar.properties.lowercaseMapping }
        return Array(out.utf8)
    }

    private static func cleanedForTranslation(_ text: [UInt8]) -> [UInt8] {
        var out = String.UnicodeScalarView()
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
            case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: out.append(" ")
            default: out.append(scalar)
            }
        }
        return Array(String(out).utf8)
    }
}
