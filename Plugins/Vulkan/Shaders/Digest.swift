import HadalCore

/// Hashes that name and check cache entries. They guard against damage and change, not against an adversary, who could write code anyway.
enum Digest {
    /// 128 bits, as two hashes with different starts.
    static func hex(of texts: [String]) -> String {
        var (a, b): (UInt64, UInt64) = (0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15)
        for text in texts {
            for byte in text.utf8 {
                a = (a ^ UInt64(byte)) &* 0x100_0000_01B3
                b = (b ^ UInt64(byte)) &* 0xD6E8_FEB8_6659_FD93
                b ^= b >> 32
            }
            a = (a ^ 0xFF) &* 0x100_0000_01B3
            b = (b ^ 0x1FF) &* 0xD6E8_FEB8_6659_FD93
        }
        return [a, b].map { value in
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    static func checksum(_ words: [UInt32]) -> UInt64 {
        words.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
