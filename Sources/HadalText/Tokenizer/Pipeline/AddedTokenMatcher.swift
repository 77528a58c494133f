#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds added tokens in a text.
struct AddedTokenMatcher: Sendable {
    enum Order: Sendable {
        /// From left to right, the longest where several match: tokenizer.json.
        case leftmostLongest
        /// The longest tokens first, each wherever the text is still free: GGUF vocabularies.
        case longestFirst
    }

    enum Fragment {
        case text(Range<Int>)
        case token(Int32)
    }

    private var trie = TokenTrie()
    private let tokens: [AddedToken]
    private let order: Order

    init(_ tokens: [AddedToken], order: Order) {
        self.tokens = tokens
        self.order = order
        for (i, token) in tokens.enumerated() { trie.insert(token.content, value: Int32(truncatingIfNeeded: i)) }
    }

    /// The text between tokens, and the tokens, in order. No fragment is empty.
    func fragments(of text: UnsafeBufferPointer<UInt8>, parseSpecial: Bool) -> [Fragment] {
        if trie.isEmpty || text.isEmpty { return text.isEmpty ? [] : [.text(0..<text.count)] }
        return order == .leftmostLongest
            ? leftmostLongest(text, parseSpecial: parseSpecial) : longestFirst(text, parseSpecial: parseSpecial)
    }

    private func leftmostLongest(_ text: UnsafeBufferPointer<UInt8>, parseSpecial: Bool) -> [Fragment] {
        var fragments: [Fragment] = []
        var free = 0
        var at = 0
        while at < text.count {
            var longest: (token: Int32, end: Int)?
            trie.forEachMatch(in: text, at: at) { longest = ($0, $1) }
            guard let longest else {
                at += 1
                continue
            }
            let token = tokens[Int(longest.token)]
            var (start, end) = (at, longest.end)
            at = longest.end
            if token.isSpecial, !parseSpecial { continue }
            if token.singleWord, Self.touchesWord(text, start, end) { continue }
            // A token inside the white space that the one before it took along still counts: as in the reference.
            if token.stripsLeft { start = max(free, UTF8Text.trailingSpaceStart(text, from: 0, to: start)) }
            if token.stripsRight { end = UTF8Text.leadingSpaceEnd(text, from: end, to: text.count) }
            if start > free { fragments.append(.text(free..<start)) }
            fragments.append(.token(token.id))
            free = end
        }
        if free < text.count { fragments.append(.text(free..<text.count)) }
        return fragments
    }

    private static func touchesWord(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        func isWord(_ at: Int) -> Bool {
            guard let scalar = Unicode.Scalar(UTF8Text.scalar(text, at: at).value) else { return false }
            let properties = scalar.properties
            switch properties.generalCategory {
            case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: return true
            default: return properties.isAlphabetic || properties.isJoinControl
            }
        }
        if end < text.count, isWord(end) { return true }
        guard start > 0 else { return false }
        var before = start - 1
        while before > 0, text[before] & 0xC0 == 0x80 { before -= 1 }
        return isWord(before)
    }

    private func longestFirst(_ text: UnsafeBufferPointer<UInt8>, parseSpecial: Bool) -> [Fragment] {
        var fragments: [Fragment] = [.text(0..<text.count)]
        for index in occurring(in: text, parseSpecial: parseSpecial) {
            let token = tokens[index]
            var next: [Fragment] = []
            next.reserveCapacity(fragments.count)
            for fragment in fragments {
                guard case .text(let range) = fragment else {
                    next.append(fragment)
                    continue
                }
                Self.cut(range, of: text, at: token, into: &next)
            }
            fragments = next
        }
        return fragments
    }

    /// The tokens that occur anywhere in a text, the longest first.
    private func occurring(in text: UnsafeBufferPointer<UInt8>, parseSpecial: Bool) -> [Int] {
        var seen = Set<Int32>()
        for at in 0..<text.count { trie.forEachMatch(in: text, at: at) { token, _ in seen.insert(token) } }
        return seen.map(Int.init).filter { parseSpecial || !tokens[$0].isSpecial }.sorted {
            let (a, b) = (tokens[$0].content.count, tokens[$1].content.count)
            return a != b ? a > b : $0 < $1
        }
    }

    /// Cuts a free stretch of text at every occurrence of a token.
    private static func cut(
        _ range: Range<Int>, of text: UnsafeBufferPointer<UInt8>, at token: AddedToken, into fragments: inout [Fragment]
    ) {
        var free = range.lowerBound
        while let start = find(token.content, in: text, free..<range.upperBound) {
            var end = start
            while token.stripsLeft, end > free, isSpace(text[end - 1]) { end -= 1 }
            if end > free { fragments.append(.text(free..<end)) }
            fragments.append(.token(token.id))
            free = start + token.content.count
            while token.stripsRight, free < range.upperBound, isSpace(text[free]) { free += 1 }
        }
        if free < range.upperBound { fragments.append(.text(free..<range.upperBound)) }
    }

    private static func find(_ token: [UInt8], in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Int? {
        guard let base = text.baseAddress, let first = token.first else { return nil }
        var at = range.lowerBound
        while range.upperBound - at >= token.count {
            guard let hit = memchr(base + at, Int32(first), range.upperBound - at - token.count + 1) else { return nil }
            at = UnsafeRawPointer(hit) - UnsafeRawPointer(base)
            if memcmp(base + at, token, token.count) == 0 { return at }
            at += 1
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
