/// A fast hash of byte strings and of integer keys, seeded per process so that a crafted vocabulary cannot aim at collisions.
enum ByteHash {
    private static let seed: UInt64 = .random(in: .min ... .max) | 1
    private static let odd: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @inline(__always)
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let raw = UnsafeRawBufferPointer(bytes)
        var state = seed ^ (UInt64(truncatingIfNeeded: raw.count) &* odd)
        var at = 0
        while raw.count - at >= 8 {
            state = mix(state ^ raw.loadUnaligned(fromByteOffset: at, as: UInt64.self), odd ^ seed)
            at += 8
        }
        var tail: UInt64 = 0
        while at < raw.count {
            tail = tail << 8 | UInt64(raw[at])
            at += 1
        }
        return mix(mix(state ^ tail, odd ^ seed), seed)
    }

    @inline(__always)
    static func hash(_ key: UInt64) -> UInt64 { mix(mix(key ^ seed, odd), seed ^ odd) }
}
