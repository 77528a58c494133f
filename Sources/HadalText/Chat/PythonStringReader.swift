/// Reads the inside of a string as Python writes it, up to its closing quotation marks.
struct PythonStringReader {
    private let bytes: [UInt8]
    var at: Int
    private let quote: [UInt8]
    private let isRaw: Bool

    init(_ bytes: [UInt8], at start: Int, quote: [UInt8], isRaw: Bool) {
        self.bytes = bytes
        at = start
        self.quote = quote
        self.isRaw = isRaw
    }

    mutating func read() throws(LooseReader.Stop) -> String {
        var text: [UInt8] = []
        while at < bytes.count {
            let rest = bytes[at...]
            if rest.starts(with: quote) {
                at += quote.count
                return String(decoding: text, as: UTF8.self)
            }
            if bytes[at] == UInt8(ascii: "\\") {
                guard at + 1 < bytes.count else { break }
                if isRaw {
                    text += bytes[at...(at + 1)]
                    at += 2
                } else {
                    at += 1
                    try escape(into: &text)
                }
            } else {
                text.append(bytes[at])
                at += 1
            }
        }
        throw .incomplete
    }

    private mutating func escape(into text: inout [UInt8]) throws(LooseReader.Stop) {
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "a"): text.append(0x07)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "v"): text.append(0x0B)
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "/"): text.append(byte)
        case 0x0A: break
        case UInt8(ascii: "x"): try code(2, into: &text)
        case UInt8(ascii: "u"): try code(4, into: &text)
        case UInt8(ascii: "U"): try code(8, into: &text)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            var value = UInt32(byte - UInt8(ascii: "0"))
            var count = 1
            while count < 3, at < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(bytes[at]) {
                value = value * 8 + UInt32(bytes[at] - UInt8(ascii: "0"))
                at += 1
                count += 1
            }
            append(value, to: &text)
        // What Python does not know stays as it is.
        default: text += [UInt8(ascii: "\\"), byte]
        }
    }

    private mutating func code(_ digits: Int, into text: inout [UInt8]) throws(LooseReader.Stop) {
        var value = try hexadecimal(digits)
        if (0xD800..<0xDC00).contains(value), digits == 4 {
            // The other half of a pair, as JSON writes characters beyond 16 bits.
            guard at + 1 < bytes.count else { throw .incomplete }
            if bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") {
                at += 2
                let low = try hexadecimal(4)
                value = (0xDC00..<0xE000).contains(low) ? 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00) : 0xFFFD
            }
        }
        append(value, to: &text)
    }

    private mutating func hexadecimal(_ digits: Int) throws(LooseReader.Stop) -> UInt32 {
        guard at + digits <= bytes.count else { throw .incomplete }
        let part = bytes[at..<(at + digits)]
        guard part.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x66) }),
            let value = UInt32(String(decoding: part, as: UTF8.self), radix: 16)
        else { throw .malformed }
        at += digits
        return value
    }

    private func append(_ value: UInt32, to text: inout [UInt8]) { text += String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8 }
}
