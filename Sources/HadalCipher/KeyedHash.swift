import HadalCore

/// HMAC-SHA256 with one key (RFC 2104). Any thread.
package struct KeyedHash: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    /// - Parameter key: at most 64 bytes.
    package init(key: [UInt8]) {
        func begin(_ pad: UInt8) -> SHA256 {
            var hash = SHA256()
            hash.combine((0..<64).map { ($0 < key.count ? key[$0] : 0) ^ pad })
            return hash
        }
        (inner, outer) = (begin(0x36), begin(0x5C))
    }

    /// 32 bytes.
    package func callAsFunction(_ bytes: [UInt8]) -> [UInt8] {
        var (first, second) = (inner, outer)
        first.combine(bytes)
        second.combine(first.finish())
        return second.finish()
    }
}
