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
            guard start >= free else { continue }
            if token.stripsLeft { start = UTF8Text.trailingSpaceStart(text, from: free, to: start) }
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
        struct Match {
            var token: Int32
            var start: Int
            var end: Int
        }
        var matches: [Match] = []
        for at in 0..<text.count {
            trie.forEachMatch(in: text, at: at) { token, end in
                if parseSpecial || !tokens[Int(token)].isSpecial { matches.append(Match(token: token, start: at, end: end)) }
            }
        }
        if matches.isEmpty { return [.text(0..<text.count)] }
        matches.sort { a, b in
            let (x, y) = (a.end - a.start, b.end - b.start)
            return x != y ? x > y : a.token != b.token ? a.token < b.token : a.start < b.start
        }
        // Taken bytes: 1 inside a token, 2 stripped beside one.
        var taken = [UInt8](repeating: 0, count: text.count)
        var accepted: [Match] = []
        for match in matches where (match.start..<match.end).allSatisfy({ taken[$0] == 0 }) {
            for i in match.start..<match.end { taken[i] = 1 }
            accepted.append(match)
            let token = tokens[Int(match.token)]
            var at = match.start
            while token.stripsLeft, at > 0, taken[at - 1] == 0, Self.isSpace(text[at - 1]) {
                at -= 1
                taken[at] = 2
            }
            at = match.end
            while token.stripsRight, at < text.count, taken[at] == 0, Self.isSpace(text[at]) {
                taken[at] = 2
                at += 1
            }
        }
        accepted.sort { $0.start < $1.start }
        var fragments: [Fragment] = []
        var next = accepted.startIndex
        var at = 0
        while at < text.count {
            if next < accepted.endIndex, accepted[next].start == at {
                fragments.append(.token(tokens[Int(accepted[next].token)].id))
                at = accepted[next].end
                next += 1
            } else if taken[at] == 2 {
                at += 1
            } else {
                let start = at
                while at < text.count, taken[at] == 0 { at += 1 }
                fragments.append(.text(start..<at))
            }
        }
        return fragments
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
