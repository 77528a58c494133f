import HadalCache

/// The keys of the whole blocks that a timeline of tokens is made of, from its start.
struct BlockChain {
    private let root: BlockKey
    private let blockTokens: Int
    private(set) var keys: [BlockKey] = []

    init(root: BlockKey, blockTokens: Int) {
        (self.root, self.blockTokens) = (root, blockTokens)
    }

    /// Adds the keys of blocks that are whole now.
    ///
    /// - Parameter tokens: the timeline's, all of them; those of the blocks known so far are as they were.
    mutating func extend(to tokens: UnsafeBufferPointer<Int32>) {
        for index in keys.count..<max(tokens.count / blockTokens, keys.count) {
            let block = UnsafeBufferPointer(rebasing: tokens[index * blockTokens..<(index + 1) * blockTokens])
            keys.append(BlockKey(after: keys.last ?? root, tokens: block))
        }
    }

    /// What a block hangs from.
    func parent(of index: Int) -> BlockKey { index == 0 ? root : keys[index - 1] }

    /// The tokens of a block, of all of its timeline's.
    func tokens(of index: Int, in tokens: UnsafeBufferPointer<Int32>) -> [Int32] {
        Array(tokens[index * blockTokens..<(index + 1) * blockTokens])
    }

    /// Forgets blocks that reach beyond the first `length` tokens.
    mutating func cut(to length: Int) { keys.removeLast(max(keys.count - length / blockTokens, 0)) }
}
