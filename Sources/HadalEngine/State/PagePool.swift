import HadalCore

/// Hands out the pages that sequences keep their state in, counting how many sequences share each.
///
/// One page number stands for the same page in every state of the model. Not thread-safe: `Engine.state` guards it.
struct PagePool {
    private var references: [Int32]
    private var free: [UInt32]

    init(pages: Int) {
        references = Array(repeating: 0, count: pages)
        free = (0..<UInt32(pages)).reversed()
    }

    var freeCount: Int { free.count }

    /// A page that nobody uses, with one reference, or nil when all are taken.
    mutating func take() -> UInt32? {
        guard let page = free.popLast() else { return nil }
        references[Int(page)] = 1
        return page
    }

    mutating func retain(_ page: UInt32) { references[Int(page)] += 1 }

    mutating func release(_ page: UInt32) {
        references[Int(page)] -= 1
        if references[Int(page)] == 0 { free.append(page) }
    }

    func references(to page: UInt32) -> Int { Int(references[Int(page)]) }

    func isShared(_ page: UInt32) -> Bool { references[Int(page)] > 1 }
}
