#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The byte strings of a vocabulary, packed, with a lookup from bytes to index.
///
/// Index i is the i-th appended string. Lookups copy nothing. Strings are compared byte by byte.
struct TokenTable: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// Open addressing over a power of two; -1 is free.
    private var slots: [Int32]
    /// Further strings of some indices.
    private var aliases: [[UInt8]: Int32] = [:]
    private(set) var longest = 0

    init(minimumCapacity: Int) {
        var size = 16
        while size < minimumCapacity * 2 { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
        ends.reserveCapacity(minimumCapacity)
    }

    var count: Int { ends.count }

    private func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    /// The bytes of an index in `0..<count`.
    subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    /// Appends a string. Returns false, and still appends, if an equal one was there: lookups keep finding the first.
    /// An `unlisted` string takes an index without being found by lookups.
    @discardableResult
    mutating func append(_ token: UnsafeBufferPointer<UInt8>, unlisted: Bool = false) -> Bool {
        let index = Int32(truncatingIfNeeded: ends.count)
        if (ends.count + 1) * 2 > slots.count { grow() }
        let slot = self.slot(of: token)
        bytes.append(contentsOf: token)
        ends.append(bytes.count)
        longest = max(longest, token.count)
        if unlisted { return true }
        guard slots[slot] < 0 else { return false }
        slots[slot] = index
        return true
    }

    @discardableResult
    mutating func append(_ token: [UInt8], unlisted: Bool = false) -> Bool {
        token.withUnsafeBufferPointer { append($0, unlisted: unlisted) }
    }

    func find(_ token: UnsafeBufferPointer<UInt8>) -> Int32? {
        guard token.count <= longest else { return nil }
        let found = slots[slot(of: token)]
        if found >= 0 { return found }
        return aliases.isEmpty ? nil : aliases[Array(token)]
    }

    /// Makes lookups of a string that is not in the table find an index that has another.
    mutating func alias(_ token: [UInt8], to index: Int32) {
        aliases[token] = index
        longest = max(longest, token.count)
    }

    func find(_ token: [UInt8]) -> Int32? { token.withUnsafeBufferPointer { find($0) } }

    func find(_ token: String) -> Int32? { find(Array(token.utf8)) }

    /// The slot that holds an equal string, or the free one where it would go.
    private func slot(of token: UnsafeBufferPointer<UInt8>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: ByteHash.hash(token)) & mask
        while true {
            let index = slots[slot]
            if index < 0 || equal(Int(index), token) { return slot }
            slot = (slot + 1) & mask
        }
    }

    private func equal(_ index: Int, _ token: UnsafeBufferPointer<UInt8>) -> Bool {
        let range = range(index)
        guard range.count == token.count else { return false }
        guard let other = token.baseAddress, !range.isEmpty else { return true }
        return bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { memcmp($0 + range.lowerBound, other, range.count) == 0 } ?? false
        }
    }

    private mutating func grow() {
        let old = slots
        slots = [Int32](repeating: -1, count: old.count * 2)
        for index in old where index >= 0 {
            let slot = bytes.withUnsafeBufferPointer { self.slot(of: UnsafeBufferPointer(rebasing: $0[range(Int(index))])) }
            slots[slot] = index
        }
    }
}
