/// A binary heap of candidate merges, the smallest key first.
///
/// A key is the merge's priority in its upper and the position of its left symbol in its lower 32 bits, so that equal
/// priorities merge from left to right. Its storage is reused from word to word.
struct MergeQueue {
    struct Candidate {
        var key: UInt64
        /// What tells whether the candidate is still current when it comes up: the merged id, or the merged length.
        var check: Int32

        @inline(__always) var position: Int { Int(truncatingIfNeeded: key & 0xFFFF_FFFF) }
    }

    private var heap: [Candidate] = []

    mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

    mutating func push(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].key < heap[parent].key else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Candidate? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return top }
        heap[0] = last
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].key < heap[child].key { child += 1 }
            guard heap[child].key < heap[parent].key else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return top
    }
}
