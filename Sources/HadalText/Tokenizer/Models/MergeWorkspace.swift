/// The symbols of one word while they are merged: a linked list in an array. Reused from word to word.
struct MergeWorkspace {
    struct Symbol {
        var id: Int32
        /// Where the symbol's text starts in the word, and its bytes. A length of 0 marks a symbol merged away.
        var start: Int32
        var length: Int32
        var previous: Int32
        var next: Int32
    }

    var symbols: [Symbol] = []
    var queue = MergeQueue()

    mutating func removeAll() {
        symbols.removeAll(keepingCapacity: true)
        queue.removeAll()
    }

    mutating func append(id: Int32, start: Int, length: Int) {
        let index = Int32(truncatingIfNeeded: symbols.count)
        if index > 0 { symbols[Int(index) - 1].next = index }
        symbols.append(
            Symbol(
                id: id, start: Int32(truncatingIfNeeded: start), length: Int32(truncatingIfNeeded: length), previous: index - 1, next: -1))
    }

    /// Joins the symbol at `left` with its right neighbour, which must exist.
    mutating func join(_ left: Int, id: Int32) {
        let right = Int(symbols[left].next)
        symbols[left].id = id
        symbols[left].length += symbols[right].length
        symbols[left].next = symbols[right].next
        symbols[right].length = 0
        if symbols[right].next >= 0 { symbols[Int(symbols[right].next)].previous = Int32(truncatingIfNeeded: left) }
    }
}
