/// A struct of a `pNext` chain in memory of its own.
///
/// Every such struct begins with its type and the pointer to the next; the fields are written by whoever is given the chain.
struct ChainLink {
    private let memory: UnsafeMutableRawPointer
    private let isUsed: Bool

    /// - Parameter when: false: the link is left out of the chain, and `read` gives the value as it was.
    init<T: BitwiseCopyable>(_ value: T, when isUsed: Bool) {
        memory = .allocate(byteCount: MemoryLayout<T>.size, alignment: 16)
        memory.storeBytes(of: value, as: T.self)
        self.isUsed = isUsed
    }

    /// Links those that are used, in order.
    static func join(_ links: [ChainLink]) -> UnsafeMutableRawPointer? {
        let used = links.filter(\.isUsed)
        for (link, next) in zip(used, used.dropFirst()) {
            link.memory.storeBytes(of: next.memory, toByteOffset: 8, as: UnsafeMutableRawPointer.self)
        }
        return used.first?.memory
    }

    func read<T: BitwiseCopyable>() -> T { memory.load(as: T.self) }

    func free() { memory.deallocate() }
}
