/// A unigram language model: the cut of a text into tokens whose scores have the largest sum.
///
/// Immutable after it is built; any thread may encode. Cost: O(n · longest token) for a text of n bytes.
/// Source: T. Kudo, "Subword Regularization", 2018.
struct UnigramModel: Sendable {
    /// How much less an unknown character scores than the least likely token.
    private static let unknownPenalty = 10.0

    private let trie: TokenTrie
    /// Logarithms of probabilities, one per token.
    private let scores: [Double]
    private let unknownScore: Double
    private let unknownID: Int32
    /// The tokens `<0x00>` to `<0xFF>` that unknown characters fall back to; empty for none.
    private let byteFallback: [Int32]

    /// - Parameters:
    ///   - tokens: indices are ids; empty tokens never match, and the last of equal ones counts.
    ///   - scores: one per token.
    ///   - unknownID: an id below `scores.count`; -1 drops what is unknown.
    ///   - byteFallback: 256 ids, or empty; used only where no byte lacks its token.
    init(tokens: TokenTable, scores: [Double], unknownID: Int32, byteFallback: [Int32]) {
        var trie = TokenTrie()
        for id in scores.indices { trie.insert(tokens[id], value: Int32(truncatingIfNeeded: id)) }
        self.trie = trie
        self.scores = scores
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        self.unknownID = unknownID
        self.byteFallback = byteFallback
    }

    /// The best way to reach a place in the text: the token that ends there, where it starts, and the sum of scores so far.
    private struct Node {
        var id: Int32 = -1
        var start: Int32 = -1
        var score = 0.0
    }

    /// Appends the ids of a text, which must be valid UTF-8 of less than 2 GiB.
    func encode(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
        // Neighbouring unknown characters are one unknown token.
        var unknown: Range<Int>?
        func flush() {
            guard let range = unknown else { return }
            let bytes = byteFallback.isEmpty ? [-1] : text[range].map { byteFallback[Int($0)] }
            ids += !bytes.contains(-1) ? bytes : unknownID >= 0 ? [unknownID] : []
            unknown = nil
        }
        for (id, range) in bestPath(text) {
            if id == unknownID {
                unknown = (unknown?.lowerBound ?? range.lowerBound)..<range.upperBound
            } else {
                flush()
                ids.append(id)
            }
        }
        flush()
    }

    private func bestPath(_ text: UnsafeBufferPointer<UInt8>) -> [(id: Int32, range: Range<Int>)] {
        var nodes = [Node](repeating: Node(), count: text.count + 1)
        func offer(_ id: Int32, _ start: Int, _ end: Int, _ score: Double) {
            guard nodes[end].start < 0 || score > nodes[end].score else { return }
            nodes[end] = Node(id: id, start: Int32(truncatingIfNeeded: start), score: score)
        }
        var at = 0
        while at < text.count {
            let length = min(UTF8Text.length(text[at]), text.count - at)
            let here = nodes[at].score
            var hasCharacter = false
            trie.forEachMatch(in: text, at: at) { id, end in
                offer(id, at, end, here + scores[Int(id)])
                if end == at + length { hasCharacter = true }
            }
            if !hasCharacter { offer(unknownID, at, at + length, here + unknownScore) }
            at += length
        }
        var path: [(id: Int32, range: Range<Int>)] = []
        var end = text.count
        while end > 0 {
            let start = Int(nodes[end].start)
            guard start >= 0, start < end else { break }
            path.append((nodes[end].id, start..<end))
            end = start
        }
        path.reverse()
        return path
    }
}
