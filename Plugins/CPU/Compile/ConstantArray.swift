/// A fixed list read on every step. Array's own iteration allocates in debug builds, where it is not specialised; a pointer's does not.
///
/// Ownership: whoever makes one calls `deallocate`.
struct ConstantArray<Element>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Element>
    let count: Int

    init(_ elements: [Element]) {
        pointer = .allocate(capacity: max(elements.count, 1))
        count = elements.count
        for (index, element) in elements.enumerated() { (pointer + index).initialize(to: element) }
    }

    func deallocate() {
        pointer.deinitialize(count: count)
        pointer.deallocate()
    }
}
