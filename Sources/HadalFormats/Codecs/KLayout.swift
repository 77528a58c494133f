/// Layouts that several K-quants share.
enum KLayout {
    /// Where sub-block `sub` of 16 elements finds its 2-bit levels: 16 bytes, and how far to shift them down.
    @inline(__always)
    static func levels2(_ levels: UnsafePointer<UInt8>, _ sub: Int) -> (UnsafePointer<UInt8>, UInt8) {
        (levels + (sub / 8 * 32 + sub % 2 * 16), UInt8(sub % 8 / 2 * 2))
    }

    /// The 6-bit scale and minimum of sub-block `sub` (0 to 7) from the 12 bytes of Q4_K and Q5_K.
    ///
    /// Bytes 0-3 hold scales 0-3 and bytes 4-7 minimums 0-3 in their low six bits; their high two bits are the high bits
    /// of 4-7, whose low nibbles are in bytes 8-11 (scale low, minimum high).
    @inline(__always)
    static func scaleAndMinimum(_ bytes: UnsafePointer<UInt8>, _ sub: Int) -> (scale: UInt8, minimum: UInt8) {
        if sub < 4 { return (bytes[sub] & 63, bytes[sub + 4] & 63) }
        return (
            bytes[sub + 4] & 15 | (bytes[sub - 4] >> 6) << 4,
            bytes[sub + 4] >> 4 | (bytes[sub] >> 6) << 4
        )
    }

    /// The inverse of `scaleAndMinimum` for all eight sub-blocks; values must be below 64.
    static func storeScalesAndMinimums(_ scales: [UInt8], _ minimums: [UInt8], _ bytes: UnsafeMutablePointer<UInt8>) {
        for sub in 0..<4 {
            bytes[sub] = scales[sub] | (scales[sub + 4] >> 4) << 6
            bytes[sub + 4] = minimums[sub] | (minimums[sub + 4] >> 4) << 6
            bytes[sub + 8] = scales[sub + 4] & 15 | minimums[sub + 4] << 4
        }
    }
}
