#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A parser of RFC 8259 over bytes, and of the numbers `NaN`, `Infinity` and `-Infinity`, which Python writes and reads.
struct JSONParser {
    static let maximumDepth = 256

    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private let rejectDuplicateKeys: Bool
    private var at = 0

    init(bytes: UnsafeRawBufferPointer, file: String, rejectDuplicateKeys: Bool) {
        self.bytes = bytes
        self.file = file
        self.rejectDuplicateKeys = rejectDuplicateKeys
    }

    mutating func parseDocument() throws -> JSON {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { at = 3 }
        try checkStart()
        let value = try parseValue(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw fail("unexpected text after the JSON value") }
        return value
    }

    /// Says what stands where no JSON starts, rather than what was expected of it.
    private mutating func checkStart() throws {
        skipSpace()
        guard at < bytes.count else { throw fail("the text is empty, not JSON") }
        let words = ["true", "false", "null", "NaN", "Infinity"].map(\.utf8)
        switch bytes[at] {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return
        case _ where words.contains(where: { [bytes, at] in bytes[at...].starts(with: $0) }): return
        default:
            let line = String(decoding: bytes[at...].prefix(24).prefix { $0 >= 0x20 }, as: UTF8.self)
            throw fail("the text is not JSON: it starts with '\(line)'")
        }
    }

    private func fail(_ message: String, at offset: Int? = nil, code: HadalError.Code = .malformed) -> HadalError {
        let offset = min(offset ?? at, bytes.count)
        var line = 1
        var start = 0
        for i in 0..<offset where bytes[i] == 0x0A {
            line += 1
            start = i + 1
        }
        return HadalError(code, message, at: SourcePlace(file, .text(line: line, column: offset - start + 1)))
    }

    private mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    private mutating func parseValue(depth: Int) throws -> JSON {
        guard depth < Self.maximumDepth else {
            throw fail("JSON is nested deeper than \(Self.maximumDepth) levels", code: .limitExceeded)
        }
        skipSpace()
        guard at < bytes.count else { throw fail("unexpected end of JSON") }
        let start = at
        switch bytes[at] {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return JSON(.string(try parseString()), offset: start)
        case UInt8(ascii: "t"): try expect("true"); return JSON(.bool(true), offset: start)
        case UInt8(ascii: "f"): try expect("false"); return JSON(.bool(false), offset: start)
        case UInt8(ascii: "n"): try expect("null"); return JSON(.null, offset: start)
        case UInt8(ascii: "N"): try expect("NaN"); return JSON(.double(.nan), offset: start)
        case UInt8(ascii: "I"): try expect("Infinity"); return JSON(.double(.infinity), offset: start)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        default: throw fail("unexpected character in JSON")
        }
    }

    private mutating func expect(_ word: StaticString) throws {
        let count = word.utf8CodeUnitCount
        guard at + count <= bytes.count, memcmp(bytes.baseAddress! + at, word.utf8Start, count) == 0 else {
            throw fail("expected \(word)")
        }
        at += count
    }

    private mutating func parseObject(depth: Int) throws -> JSON {
        let start = at
        at += 1
        var members: [JSONObject.Member] = []
        var index: [ExactString: Int] = [:]
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: "}") {
            at += 1
            return JSON(.object(JSONObject()), offset: start)
        }
        while true {
            skipSpace()
            let keyOffset = at
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw fail("expected a key in quotes") }
            let key = try parseString()
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw fail("expected ':' after key '\(key)'") }
            at += 1
            let value = try parseValue(depth: depth + 1)
            if let existing = index[ExactString(key)] {
                if rejectDuplicateKeys { throw fail("key '\(key)' appears twice", at: keyOffset) }
                members[existing].value = value
            } else {
                index[ExactString(key)] = members.count
                members.append(.init(key: key, value: value, keyOffset: keyOffset))
            }
            skipSpace()
            guard at < bytes.count else { throw fail("unexpected end of JSON in an object") }
            if bytes[at] == UInt8(ascii: ",") { at += 1; continue }
            if bytes[at] == UInt8(ascii: "}") { at += 1; break }
            throw fail("expected ',' or '}'")
        }
        return JSON(.object(JSONObject(members: members, index: index)), offset: start)
    }

    private mutating func parseArray(depth: Int) throws -> JSON {
        let start = at
        at += 1
        var items: [JSON] = []
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: "]") {
            at += 1
            return JSON(.array([]), offset: start)
        }
        while true {
            items.append(try parseValue(depth: depth + 1))
            skipSpace()
            guard at < bytes.count else { throw fail("unexpected end of JSON in an array") }
            if bytes[at] == UInt8(ascii: ",") { at += 1; continue }
            if bytes[at] == UInt8(ascii: "]") { at += 1; break }
            throw fail("expected ',' or ']'")
        }
        return JSON(.array(items), offset: start)
    }

    private mutating func parseNumber() throws -> JSON {
        let start = at
        func digit(_ i: Int) -> Bool { i < bytes.count && bytes[i] >= 0x30 && bytes[i] <= 0x39 }
        if bytes[at] == UInt8(ascii: "-") {
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "I") {
                try expect("Infinity")
                return JSON(.double(-.infinity), offset: start)
            }
        }
        guard digit(at) else { throw fail("malformed number") }
        if bytes[at] == 0x30 {
            at += 1
            guard !digit(at) else { throw fail("a number may not start with 0") }
        } else {
            while digit(at) { at += 1 }
        }
        var whole = true
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            whole = false
            at += 1
            guard digit(at) else { throw fail("malformed number") }
            while digit(at) { at += 1 }
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            whole = false
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            guard digit(at) else { throw fail("malformed number") }
            while digit(at) { at += 1 }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if whole {
            if let value = Int64(text) { return JSON(.int(value), offset: start) }
            guard let value = BigInteger(text) else {
                throw fail("an integer of more than \(BigInteger.maximumDigits) digits", at: start, code: .limitExceeded)
            }
            return JSON(value, offset: start)
        }
        guard let value = Double(text) else { throw fail("malformed number", at: start) }
        return JSON(.double(value), offset: start)
    }

    private mutating func parseString() throws -> String {
        let start = at
        at += 1
        let first = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 { at += 1 }
        guard at < bytes.count else { throw fail("unterminated string", at: start) }
        if bytes[at] == UInt8(ascii: "\"") {
            defer { at += 1 }
            return try decode(bytes[first..<at], at: start)
        }
        var buffer = Array(bytes[first..<at])
        while at < bytes.count {
            let byte = bytes[at]
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return try buffer.withUnsafeBytes { try decode($0[...], at: start) }
            case UInt8(ascii: "\\"): try parseEscape(into: &buffer)
            case 0..<0x20: throw fail("a control character in a string must be escaped")
            default:
                buffer.append(byte)
                at += 1
            }
        }
        throw fail("unterminated string", at: start)
    }

    private func decode(_ slice: Slice<UnsafeRawBufferPointer>, at offset: Int) throws -> String {
        guard let text = String(validating: slice, as: UTF8.self) else { throw fail("a string is not valid UTF-8", at: offset) }
        return text
    }

    private mutating func parseEscape(into buffer: inout [UInt8]) throws {
        at += 1
        guard at < bytes.count else { throw fail("unterminated string") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0C)
        case UInt8(ascii: "n"): buffer.append(0x0A)
        case UInt8(ascii: "r"): buffer.append(0x0D)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "u"):
            var code = try parseHex()
            if code >= 0xD800, code < 0xDC00, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") {
                let mark = at
                at += 2
                let low = try parseHex()
                if low >= 0xDC00, low < 0xE000 {
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                } else {
                    at = mark
                }
            }
            // A lone surrogate has no UTF-8 form; it becomes U+FFFD.
            let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
            buffer.append(contentsOf: UTF8.encode(scalar)!)
        default: throw fail("unknown escape in a string", at: at - 2)
        }
    }

    private mutating func parseHex() throws -> UInt32 {
        guard at + 4 <= bytes.count, let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
            bytes[at] != UInt8(ascii: "+"), bytes[at] != UInt8(ascii: "-")
        else { throw fail("\\u requires four hexadecimal digits") }
        at += 4
        return code
    }
}
