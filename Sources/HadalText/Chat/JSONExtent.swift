/// Where a JSON value in a streamed text ends, found without parsing it.
enum JSONExtent: Equatable {
    /// The byte after the value.
    case end(Int)
    /// The text ends inside of the value.
    case incomplete(Unclosed)
    /// At this place stands what no value has there.
    case malformed(Unclosed)

    /// A value whose last braces and brackets are missing.
    struct Unclosed: Equatable {
        /// Where the value stops: the end of the text, or what cannot belong to it.
        var stop: Int
        /// What would close it, in order; nil inside of a string.
        var closers: [UInt8]?
    }

    private static let maximumDepth = 256

    /// - Parameter start: the offset of the value's first byte: a brace, a bracket or a quotation mark.
    static func end(ofValueAt start: Int, in bytes: [UInt8]) -> JSONExtent {
        var closers: [UInt8] = []
        var inString = false
        var at = start
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if inString {
                if byte == UInt8(ascii: "\\") {
                    at += 1
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                    if closers.isEmpty { return .end(at) }
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard closers.count < maximumDepth else { return .malformed(Unclosed(stop: at - 1, closers: nil)) }
                closers.append(byte == UInt8(ascii: "{") ? UInt8(ascii: "}") : UInt8(ascii: "]"))
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard closers.last == byte else { return .malformed(Unclosed(stop: at - 1, closers: closers.reversed())) }
                closers.removeLast()
                if closers.isEmpty { return .end(at) }
            // Outside of strings a value has nothing but numbers, literals and punctuation.
            case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "`"):
                return .malformed(Unclosed(stop: at - 1, closers: closers.reversed()))
            default: break
            }
        }
        return .incomplete(Unclosed(stop: bytes.count, closers: inString ? nil : closers.reversed()))
    }
}
