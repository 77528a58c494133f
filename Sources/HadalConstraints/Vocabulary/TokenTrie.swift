/// Texts and the tokens that they stand for, as a tree of bytes in depth-first order: a walk runs through it forwards, and leaves out a
/// subtree by jumping to its end.
struct TokenTrie: Sendable {
    struct Node: Sendable {
        /// The node behind this one's subtree.
        var end: Int32
        /// Of the node's tokens and of those of its subtree the first in `tokens`; theirs end where the node at `end` begins.
        var firstToken: Int32
        /// 1 for the children of the root, which is no node itself.
        var depth: UInt16
        var byte: UInt8
    }

    /// One more than there are: the last is where the tree ends.
    private(set) var nodes: [Node] = []
    private(set) var tokens: [Int32] = []
    private(set) var depth = 0

    var count: Int { nodes.count - 1 }

    /// - Parameter entries: texts that are not empty and not longer than 65,535 bytes; those from `offset` on are meant.
    init(_ entries: [(bytes: [UInt8], offset: Int, token: Int32)]) {
        let order = entries.indices.sorted { TokenTrie.precedes(entries[$0], entries[$1]) }
        tokens.reserveCapacity(entries.count)
        nodes.reserveCapacity(entries.count * 2 + 1)
        var open: [Int] = []
        for index in order {
            let (bytes, offset, token) = entries[index]
            let length = bytes.count - offset
            var shared = 0
            while shared < open.count, shared < length, nodes[open[shared]].byte == bytes[offset + shared] { shared += 1 }
            for node in open[shared...] { nodes[node].end = Int32(nodes.count) }
            open.removeLast(open.count - shared)
            while open.count < length {
                open.append(nodes.count)
                nodes.append(
                    Node(end: 0, firstToken: Int32(tokens.count), depth: UInt16(open.count), byte: bytes[offset + open.count - 1]))
            }
            depth = max(depth, length)
            tokens.append(token)
        }
        for node in open { nodes[node].end = Int32(nodes.count) }
        nodes.append(Node(end: Int32(nodes.count + 1), firstToken: Int32(tokens.count), depth: 0, byte: 0))
    }

    private static func precedes(
        _ a: (bytes: [UInt8], offset: Int, token: Int32), _ b: (bytes: [UInt8], offset: Int, token: Int32)
    ) -> Bool {
        a.bytes.withUnsafeBufferPointer { x in
            b.bytes.withUnsafeBufferPointer { y in
                let common = min(x.count - a.offset, y.count - b.offset)
                for index in 0..<common where x[a.offset + index] != y[b.offset + index] {
                    return x[a.offset + index] < y[b.offset + index]
                }
                return (x.count - a.offset, a.token) < (y.count - b.offset, b.token)
            }
        }
    }

    /// Indices into `tokens` of the tokens that end at the node.
    func ownTokens(_ node: Int) -> Range<Int> { Int(nodes[node].firstToken)..<Int(nodes[node + 1].firstToken) }

    /// Behind the tokens of the node and its subtree, as an index into `tokens`.
    func tokenEnd(_ node: Int) -> Int { Int(nodes[Int(nodes[node].end)].firstToken) }

    /// Indices into `tokens` of the tokens that go on beyond the node.
    func longerTokens(_ node: Int) -> Range<Int> { Int(nodes[node + 1].firstToken)..<max(tokenEnd(node), Int(nodes[node + 1].firstToken)) }

    /// The node of a text, or nil where no token begins so.
    func node(of bytes: some Collection<UInt8>) -> Int? {
        var node = 0
        var end = count
        var found: Int?
        for byte in bytes {
            while node < end, nodes[node].byte != byte { node = Int(nodes[node].end) }
            guard node < end else { return nil }
            found = node
            end = Int(nodes[node].end)
            node += 1
        }
        return found
    }
}
