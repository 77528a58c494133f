/// The alphabet of byte-level BPE: every byte as one printable character.
///
/// Printable Latin-1 characters stand for themselves; the other 68 bytes, in order, are U+0100 and up.
/// Source: GPT-2's published encoder.
enum ByteAlphabet {
    /// The scalar that stands for each byte; all are below U+0144.
    static let scalars: [UInt16] = {
        var next: UInt16 = 0x100
        return (0..<256).map { byte in
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) { return UInt16(byte) }
            defer { next += 1 }
            return next
        }
    }()

    /// The byte that each scalar below U+0144 stands for, or -1.
    private static let bytes: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
        return table
    }()

    /// Appends the characters that stand for bytes, as UTF-8.
    static func encode(_ source: some Sequence<UInt8>, into out: inout [UInt8]) {
        for byte in source {
            let scalar = scalars[Int(byte)]
            if scalar < 0x80 {
                out.append(UInt8(scalar))
            } else {
                out.append(0xC0 | UInt8(scalar >> 6))
                out.append(0x80 | UInt8(scalar & 0x3F))
            }
        }
    }

    /// The bytes that a token's characters stand for; nil if one of them is not of the alphabet.
    static func decode(_ token: some Sequence<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        var lead: UInt8 = 0
        for byte in token {
            let scalar: Int
            if lead != 0 {
                guard byte & 0xC0 == 0x80 else { return nil }
                scalar = Int(lead & 0x1F) << 6 | Int(byte & 0x3F)
                lead = 0
            } else if byte < 0x80 {
                scalar = Int(byte)
            } else {
                guard byte & 0xE0 == 0xC0 else { return nil }
                lead = byte
                continue
            }
            guard scalar < bytes.count, bytes[scalar] >= 0 else { return nil }
            out.append(UInt8(truncatingIfNeeded: bytes[scalar]))
        }
        return lead == 0 ? out : nil
    }
}
