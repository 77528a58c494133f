/// A trie over bytes that finds which strings start at a place in a text.
struct TokenTrie: Sendable {
    private var edges = PairTable(minimumCapacity: 64)
    /// The value of the string that ends at a node, or -1.
    private var values: [Int32] = [-1]
    private var isFirstByte = [Bool](repeating: false, count: 256)

    var isEmpty: Bool { values.count == 1 }

    /// Adds a string that is not empty. A later equal string replaces the value.
    mutating func insert(_ token: some Collection<UInt8>, value: Int32) {
        guard let first = token.first else { return }
        isFirstByte[Int(first)] = true
        var node = 0
        for byte in token {
            let key = UInt64(node) << 8 | UInt64(byte)
            if let next = edges.find(key) {
                node = Int(next)
            } else {
                edges.set(key, UInt64(values.count))
                node = values.count
                values.append(-1)
            }
        }
        values[node] = value
    }

    /// Calls `body` with the value and the end of each string that starts at `start`, the shortest first.
    @inline(__always)
    func forEachMatch(in text: UnsafeBufferPointer<UInt8>, at start: Int, _ body: (_ value: Int32, _ end: Int) -> Void) {
        guard isFirstByte[Int(text[start])] else { return }
        var node = 0
        var at = start
        while at < text.count, let next = edges.find(UInt64(node) << 8 | UInt64(text[at])) {
            node = Int(next)
            at += 1
            if values[node] >= 0 { body(values[node], at) }
        }
    }
}
