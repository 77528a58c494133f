/// The pages of one sequence, in order, in memory that never moves or grows.
struct PageList: ~Copyable {
    let storage: UnsafeMutableBufferPointer<UInt32>
    private(set) var count = 0

    init(capacity: Int) { storage = .allocate(capacity: max(capacity, 1)) }
    deinit { storage.deallocate() }

    subscript(index: Int) -> UInt32 {
        get { storage[index] }
        set { storage[index] = newValue }
    }

    mutating func append(_ page: UInt32) {
        storage[count] = page
        count += 1
    }

    mutating func removeLast() -> UInt32 {
        count -= 1
        return storage[count]
    }
}
