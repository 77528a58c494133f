/// Cuts a text into the pieces that the model encodes one by one.
///
/// The components of a published tokenizer.json. Whatever cuts at a class of characters is a `split` at a pattern.
indirect enum PreTokenizer: Sendable {
    enum PrependScheme: String, CaseIterable {
        case always, first, never
    }

    case split(TextMatcher, SplitBehavior, invert: Bool)
    /// Writes bytes in the byte alphabet. `pattern` cuts first, where there is one.
    case byteLevel(addPrefixSpace: Bool, pattern: Pattern?)
    case metaspace(replacement: [UInt8], scheme: PrependScheme, split: Bool)
    /// Pieces of so many characters.
    case fixedLength(Int)
    case sequence([PreTokenizer])

    func apply(to pieces: inout Pieces, _ scratch: Pattern.Scratch) throws {
        switch self {
        case .sequence(let all): for one in all { try one.apply(to: &pieces, scratch) }
        case .split(let matcher, let behavior, let invert):
            try Self.split(&pieces, matcher, behavior, invert: invert, scratch)
        case .byteLevel(let addPrefixSpace, let pattern):
            if addPrefixSpace {
                pieces.rewrite { piece, _, out in
                    if piece.first != 0x20 { out.append(0x20) }
                    out += piece
                }
            }
            if let pattern { try Self.split(&pieces, .pattern(pattern), .isolated, invert: false, scratch) }
            pieces.rewrite { piece, _, out in ByteAlphabet.encode(piece, into: &out) }
        case .metaspace(let replacement, let scheme, let split):
            pieces.rewrite { piece, isFirst, out in
                let replaced = UTF8Text.replacing([0x20], with: replacement, in: Array(piece))
                let prepends = scheme == .always || (scheme == .first && isFirst)
                if prepends, !replaced.starts(with: replacement) { out += replacement }
                out += replaced
            }
            if split { try Self.split(&pieces, .literal(replacement), .mergedWithNext, invert: false, scratch) }
        case .fixedLength(let length):
            var cut: [Range<Int>] = []
            for range in pieces.ranges {
                var start = range.lowerBound
                var (at, characters) = (start, 0)
                while at < range.upperBound {
                    at = min(at + UTF8Text.length(pieces.text[at]), range.upperBound)
                    characters += 1
                    if characters == length || at == range.upperBound {
                        cut.append(start..<at)
                        (start, characters) = (at, 0)
                    }
                }
            }
            pieces.ranges = cut
        }
    }

    private static func split(
        _ pieces: inout Pieces, _ matcher: TextMatcher, _ behavior: SplitBehavior, invert: Bool, _ scratch: Pattern.Scratch
    ) throws {
        var cut: [Range<Int>] = []
        cut.reserveCapacity(pieces.ranges.count)
        var parts: [SplitPart] = []
        try pieces.text.withUnsafeBufferPointer { text in
            for range in pieces.ranges {
                parts.removeAll(keepingCapacity: true)
                var at = range.lowerBound
                try matcher.forEachMatch(in: text, range, scratch) { match in
                    if match.lowerBound > at { parts.append(SplitPart(range: at..<match.lowerBound, isMatch: invert)) }
                    parts.append(SplitPart(range: match, isMatch: !invert))
                    at = match.upperBound
                }
                if at < range.upperBound { parts.append(SplitPart(range: at..<range.upperBound, isMatch: invert)) }
                behavior.join(parts, into: &cut)
            }
        }
        cut.removeAll { $0.isEmpty }
        pieces.ranges = cut
    }
}
