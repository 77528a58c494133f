import HadalCore

extension GBNFReader {
    mutating func characterClass() throws -> ScalarSet {
        let start = position
        position += 1
        let negated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while !take("]") {
            guard current != nil else { throw malformed("a character class without its end", at: start) }
            let itemStart = position
            let low = try character(closing: "]").value
            if current == UInt8(ascii: "-"), position + 1 < bytes.count, bytes[position + 1] != UInt8(ascii: "]") {
                position += 1
                let high = try character(closing: "]").value
                guard low <= high else { throw malformed("a range of characters runs backwards", at: itemStart) }
                ranges.append(low...high)
            } else {
                ranges.append(low...low)
            }
        }
        let set = ScalarSet(ranges: ranges)
        return negated ? set.complement : set
    }

    mutating func character(closing: Character) throws -> Unicode.Scalar {
        let start = position
        guard take("\\") else {
            // The text was a string, so it is whole UTF-8.
            let width = bytes[position] < 0x80 ? 1 : bytes[position] < 0xE0 ? 2 : bytes[position] < 0xF0 ? 3 : 4
            let end = min(position + width, bytes.count)
            guard let scalar = String(decoding: bytes[position..<end], as: UTF8.self).unicodeScalars.first else {
                throw malformed("'\(closing)' is expected")
            }
            position = end
            return scalar
        }
        guard let letter = current else { throw malformed("a backslash at the end", at: start) }
        position += 1
        switch letter {
        case UInt8(ascii: "x"): return try hexadecimal(digits: 2, start: start)
        case UInt8(ascii: "u"): return try hexadecimal(digits: 4, start: start)
        case UInt8(ascii: "U"): return try hexadecimal(digits: 8, start: start)
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "^"), UInt8(ascii: "-"),
            UInt8(ascii: "/"), UInt8(ascii: "."):
            return Unicode.Scalar(letter)
        default: throw malformed("an unknown escape", at: start)
        }
    }

    private mutating func hexadecimal(digits: Int, start: Int) throws -> Unicode.Scalar {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = current, let digit = Unicode.Scalar(byte).hexadecimalDigit else {
                throw malformed("an escape needs \(digits) hexadecimal digits", at: start)
            }
            guard value < 1 << 28 else { throw malformed("there is no such character", at: start) }
            value = value << 4 | digit
            position += 1
        }
        guard let scalar = Unicode.Scalar(value) else { throw malformed("there is no such character", at: start) }
        return scalar
    }
}
