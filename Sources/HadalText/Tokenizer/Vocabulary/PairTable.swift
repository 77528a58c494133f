/// A map from 64-bit keys to 64-bit values, for pairs of ids and for the edges of a trie.
///
/// The key `UInt64.max` is reserved. Open addressing; nothing is ever removed.
struct PairTable: Sendable {
    private var keys: [UInt64]
    private var values: [UInt64]
    private(set) var count = 0

    init(minimumCapacity: Int) {
        var size = 16
        while size < minimumCapacity * 2 { size *= 2 }
        keys = [UInt64](repeating: .max, count: size)
        values = [UInt64](repeating: 0, count: size)
    }

    @inline(__always)
    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private func slot(_ key: UInt64) -> Int {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: ByteHash.hash(key)) & mask
        while keys[slot] != key, keys[slot] != .max { slot = (slot + 1) & mask }
        return slot
    }

    @inline(__always)
    func find(_ key: UInt64) -> UInt64? {
        let slot = slot(key)
        return keys[slot] == .max ? nil : values[slot]
    }

    /// Adds a value, or replaces the one that was there.
    mutating func set(_ key: UInt64, _ value: UInt64) {
        if (count + 1) * 2 > keys.count { grow() }
        let slot = slot(key)
        if keys[slot] == .max {
            keys[slot] = key
            count += 1
        }
        values[slot] = value
    }

    private mutating func grow() {
        let (oldKeys, oldValues) = (keys, values)
        keys = [UInt64](repeating: .max, count: oldKeys.count * 2)
        values = [UInt64](repeating: 0, count: oldKeys.count * 2)
        for (i, key) in oldKeys.enumerated() where key != .max {
            let slot = slot(key)
            keys[slot] = key
            values[slot] = oldValues[i]
        }
    }
}
