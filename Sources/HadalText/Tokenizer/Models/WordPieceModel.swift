/// WordPiece: a word is cut into the longest tokens that it starts with, one after the other; what goes on a word has a prefix of its own.
///
/// Immutable after it is built; any thread may encode.
struct WordPieceModel: Sendable {
    /// Of published tokenizers, and where a file does not say.
    static let usualLongestWord = 100

    let table: TokenTable
    /// What tokens that go on a word begin with, `##` say.
    let continuingPrefix: [UInt8]
    /// -1 drops what is unknown.
    let unknownID: Int32
    /// Longer words are unknown; in characters.
    let longestWord: Int

    /// Appends the ids of a word, which must be valid UTF-8: all of it, or one unknown token.
    func encode(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
        guard !word.isEmpty else { return }
        func appendUnknown(_ ids: inout [Int32]) { if unknownID >= 0 { ids.append(unknownID) } }
        guard word.count(where: { $0 & 0xC0 != 0x80 }) <= longestWord else { return appendUnknown(&ids) }
        let first = ids.count
        var candidate: [UInt8] = []
        var start = 0
        while start < word.count {
            let prefix = start == 0 ? [] : continuingPrefix
            var end = min(word.count, start + max(table.longest - prefix.count, 0))
            while end < word.count, end > start, word[end] & 0xC0 == 0x80 { end -= 1 }
            var found: Int32?
            while end > start {
                candidate.removeAll(keepingCapacity: true)
                candidate += prefix
                candidate += word[start..<end]
                found = table.find(candidate)
                if found != nil { break }
                end -= 1
                while end > start, word[end] & 0xC0 == 0x80 { end -= 1 }
            }
            guard let found else {
                ids.removeSubrange(first...)
                return appendUnknown(&ids)
            }
            ids.append(found)
            start = end
        }
    }
}
