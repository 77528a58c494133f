/// The working storage of one call that encodes a text.
struct EncodingRun {
    private static let longestCachedWord = 64
    private static let largestCache = 16_384

    var ids: [Int32] = []
    var work = MergeWorkspace()
    let scratch = Pattern.Scratch()
    /// Nothing, or a special token, came before.
    var previousIsToken = true
    /// Words seen before in this text, with the range of `ids` that they became.
    private var words = TokenTable(minimumCapacity: 64)
    private var wordIDs: [Range<Int>] = []

    mutating func append(token id: Int32) {
        ids.append(id)
        previousIsToken = true
    }

    mutating func encode(_ word: UnsafeBufferPointer<UInt8>, with model: BPEModel) {
        guard word.count <= Self.longestCachedWord else { return model.encode(word, &work, into: &ids) }
        if let known = words.find(word) {
            for i in wordIDs[Int(known)] { ids.append(ids[i]) }
            return
        }
        let start = ids.count
        model.encode(word, &work, into: &ids)
        guard wordIDs.count < Self.largestCache else { return }
        words.append(word)
        wordIDs.append(start..<ids.count)
    }
}
