import HadalCore

/// Words to search for. A value.
///
/// A word is found anywhere in a text, in words of any language as well as between characters that no space parts (Chinese), whatever the case
/// of its letters. Texts are scanned: an index of trigrams would not find two characters, which most Chinese words are.
struct SearchQuery: Sendable {
    /// Folded, see `fold`.
    let words: [[UInt8]]

    private static let maximumWords = 32
    /// Characters on either side of what was found.
    private static let margin = 48

    init(_ text: String) {
        words = text.split(whereSeparator: \.isWhitespace).prefix(Self.maximumWords).map { Self.fold(String($0)) }
    }

    /// Whether every word stands in one of the texts.
    ///
    /// - Parameter texts: folded.
    func matches(_ texts: [[UInt8]]) -> Bool {
        words.allSatisfy { word in texts.contains { TextSearch.first(of: word, in: $0, from: 0) != nil } }
    }

    /// The surroundings of the first word that one of the texts has, in one line; nil when none has one.
    ///
    /// - Parameter texts: as they are.
    func snippet(in texts: [String]) -> String? {
        for word in words {
            for text in texts {
                if let offset = TextSearch.first(of: word, in: Self.fold(text), from: 0) {
                    return Self.surroundings(of: offset, word.count, in: text)
                }
            }
        }
        return nil
    }

    /// - Parameter offset: in bytes of the folded text.
    private static func surroundings(of offset: Int, _ length: Int, in text: String) -> String {
        let scalars = text.unicodeScalars
        var (folded, at) = (0, scalars.startIndex)
        while at < scalars.endIndex {
            let width = fold(scalars[at])
            guard folded + width <= offset else { break }
            folded += width
            at = scalars.index(after: at)
        }
        var end = at
        while end < scalars.endIndex, folded < offset + length {
            folded += fold(scalars[end])
            end = scalars.index(after: end)
        }
        let start = scalars.index(at, offsetBy: -margin, limitedBy: scalars.startIndex) ?? scalars.startIndex
        let stop = scalars.index(end, offsetBy: margin, limitedBy: scalars.endIndex) ?? scalars.endIndex
        let line = String(scalars[start..<stop]).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return (start > scalars.startIndex ? "…" : "") + line + (stop < scalars.endIndex ? "…" : "")
    }
}

extension SearchQuery {
    /// The text in lower case as UTF-8, scalar by scalar: offsets in it lead back to the text.
    static func fold(_ text: String) -> [UInt8] {
        var folded: [UInt8] = []
        folded.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars { fold(scalar) { folded.append($0) } }
        return folded
    }

    /// The number of bytes that a scalar becomes.
    private static func fold(_ scalar: Unicode.Scalar) -> Int {
        var count = 0
        fold(scalar) { _ in count += 1 }
        return count
    }

    @inline(__always)
    private static func fold(_ scalar: Unicode.Scalar, _ append: (UInt8) -> Void) {
        switch scalar.value {
        case 0x41...0x5A: append(UInt8(scalar.value | 0x20))
        case 0..<0x80: append(UInt8(scalar.value))
        // No case in these, and much of them: Chinese, Japanese, Korean.
        case 0x2E80..<0xA640, 0xAC00..<0xD7A4: for byte in UTF8.encode(scalar) ?? .init() { append(byte) }
        default: for byte in scalar.properties.lowercaseMapping.utf8 { append(byte) }
        }
    }
}
