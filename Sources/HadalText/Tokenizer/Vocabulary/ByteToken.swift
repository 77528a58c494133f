/// Tokens that stand for one byte, spelled `<0x0A>`.
enum ByteToken {
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func spelling(_ byte: UInt8) -> [UInt8] {
        Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
    }

    /// The byte that a token stands for, or nil if it is no byte token.
    static func byte(_ token: some BidirectionalCollection<UInt8>) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token.last == UInt8(ascii: ">") else { return nil }
        var value: UInt8 = 0
        for c in token.dropFirst(3).prefix(2) {
            switch c {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | (c - UInt8(ascii: "0"))
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | (c - UInt8(ascii: "A") + 10)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | (c - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    /// The id of each byte's token in a vocabulary, -1 where there is none.
    static func ids(in table: TokenTable) -> [Int32] { (0..<256).map { table.find(spelling(UInt8($0))) ?? -1 } }
}
