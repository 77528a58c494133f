/// Hands out ranges of one buffer to values by when they live, so that those that never live at once share memory.
struct Arena {
    private var free: [Range<Int>] = []
    private(set) var bytes = 0
    static let alignment = 256

    /// The first range that is wide enough.
    mutating func take(_ size: Int) -> Range<Int> {
        let size = max((size + Self.alignment - 1) / Self.alignment, 1) * Self.alignment
        if let at = free.firstIndex(where: { $0.count >= size }) {
            let range = free[at].lowerBound..<free[at].lowerBound + size
            if free[at].count == size { free.remove(at: at) } else { free[at] = range.upperBound..<free[at].upperBound }
            return range
        }
        if let last = free.last, last.upperBound == bytes {
            free.removeLast()
            bytes = last.lowerBound + size
            return last.lowerBound..<bytes
        }
        bytes += size
        return bytes - size..<bytes
    }

    mutating func give(_ range: Range<Int>) {
        let at = free.firstIndex { $0.lowerBound > range.lowerBound } ?? free.count
        free.insert(range, at: at)
        if at + 1 < free.count, free[at].upperBound == free[at + 1].lowerBound {
            free[at] = free[at].lowerBound..<free[at + 1].upperBound
            free.remove(at: at + 1)
        }
        if at > 0, free[at - 1].upperBound == free[at].lowerBound {
            free[at - 1] = free[at - 1].lowerBound..<free[at].upperBound
            free.remove(at: at)
        }
    }
}
