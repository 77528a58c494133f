/// Rewrites a text before it is cut into pieces. The components of a published tokenizer.json.
indirect enum Normalizer: Sendable {
    case unicode(UnicodeNormalForm)
    case lowercase
    case strip(left: Bool, right: Bool)
    /// Removes what the matcher finds.
    case replace(TextMatcher, with: [UInt8])
    case prepend([UInt8])
    case byteLevel
    case sequence([Normalizer])

    /// `text` is valid UTF-8, and so is the result.
    func apply(to text: [UInt8], _ scratch: Pattern.Scratch) throws -> [UInt8] {
        switch self {
        case .sequence(let all): return try all.reduce(text) { try $1.apply(to: $0, scratch) }
        case .unicode(let form): return UTF8Text.isASCII(text) ? text : form.apply(to: text)
        case .lowercase: return Array(Self.lowercased(text).utf8)
        case .strip(let left, let right):
            return text.withUnsafeBufferPointer { buffer in
                let start = left ? UTF8Text.leadingSpaceEnd(buffer, from: 0, to: buffer.count) : 0
                let end = right ? UTF8Text.trailingSpaceStart(buffer, from: start, to: buffer.count) : buffer.count
                return Array(buffer[start..<end])
            }
        case .replace(let matcher, let content):
            var out: [UInt8] = []
            out.reserveCapacity(text.count)
            var at = 0
            try text.withUnsafeBufferPointer { buffer in
                try matcher.forEachMatch(in: buffer, 0..<buffer.count, scratch) { match in
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
    private static func lowercased(_ text: [UInt8]) -> String {
        var out = ""
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { out += scalar.properties.lowercaseMapping }
        return out
    }
}
