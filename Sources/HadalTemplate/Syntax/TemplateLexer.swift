import HadalCore

/// Splits a template into tokens by Jinja's rules, with `trim_blocks` and `lstrip_blocks` on.
struct TemplateLexer {
    /// UTF-8 of the source with every line end made "\n" and one at the very end dropped.
    let bytes: [UInt8]
    let file: String
    var at = 0
    var line = 1
    var tokens: [TemplateToken] = []
    /// Closing brackets still owed inside the current tag.
    var owed: [UInt8] = []
    /// The last match ended a line, so white space that follows starts one.
    private var lineStarting = true

    init(_ source: String, file: String) {
        self.file = file
        var normalized: [UInt8] = []
        normalized.reserveCapacity(source.utf8.count)
        var afterReturn = false
        for byte in source.utf8 {
            if byte == 0x0D {
                normalized.append(0x0A)
            } else if byte != 0x0A || !afterReturn {
                normalized.append(byte)
            }
            afterReturn = byte == 0x0D
        }
        if normalized.last == 0x0A { normalized.removeLast() }
        bytes = normalized
    }

    static func tokens(of source: String, file: String) throws -> [TemplateToken] {
        var lexer = TemplateLexer(source, file: file)
        try lexer.run()
        return lexer.tokens
    }

    func fail(_ message: String) -> TemplateError {
        TemplateError(.syntax, message, at: SourcePlace(file, .text(line: line, column: column)))
    }

    private var column: Int {
        var start = min(at, bytes.count)
        while start > 0, bytes[start - 1] != 0x0A { start -= 1 }
        return min(at, bytes.count) - start + 1
    }

    func byte(_ offset: Int = 0) -> UInt8 { at + offset < bytes.count ? bytes[at + offset] : 0 }

    func matches(_ text: StaticString, at position: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard position >= 0, position + count <= bytes.count else { return false }
        return text.withUTF8Buffer { buffer in (0..<count).allSatisfy { bytes[position + $0] == buffer[$0] } }
    }

    mutating func append(_ kind: TemplateToken.Kind, _ text: String = "") {
        tokens.append(TemplateToken(kind: kind, text: text, line: line))
    }

    private mutating func run() throws {
        while at < bytes.count { try lexText() }
        append(.end)
    }

    /// Data up to the next tag, then the tag.
    private mutating func lexText() throws {
        let start = at
        var tag = at
        while tag + 1 < bytes.count, !(bytes[tag] == 0x7B && (bytes[tag + 1] == 0x25 || bytes[tag + 1] == 0x23 || bytes[tag + 1] == 0x7B)) {
            tag += 1
        }
        guard tag + 1 < bytes.count else {
            append(.data, text(start..<bytes.count))
            at = bytes.count
            return
        }
        let sign = tag + 2 < bytes.count ? bytes[tag + 2] : 0
        let hasSign = sign == 0x2D || sign == 0x2B
        let isVariable = bytes[tag + 1] == 0x7B
        emitData(start..<tag, sign: sign, mayStrip: !isVariable)
        lineStarting = false
        at = tag + (hasSign ? 3 : 2)
        switch bytes[tag + 1] {
        case 0x23: try lexComment()
        case 0x7B:
            append(.variableBegin)
            try lexTag(end: 0x7D, kind: .variableEnd)
        default:
            if let body = rawBody(from: at) {
                count(at..<body)
                at = body
                lineStarting = bytes[body - 1] == 0x0A
                try lexRaw()
            } else {
                append(.blockBegin)
                try lexTag(end: 0x25, kind: .blockEnd)
            }
        }
    }

    /// Emits data before a tag whose white-space sign is `sign`.
    private mutating func emitData(_ range: Range<Int>, sign: UInt8, mayStrip: Bool) {
        var end = range.upperBound
        if sign == 0x2D {
            end = trimmedEnd(range)
        } else if sign != 0x2B, mayStrip {
            var lineStart = range.upperBound
            while lineStart > range.lowerBound, bytes[lineStart - 1] != 0x0A { lineStart -= 1 }
            if lineStart > range.lowerBound || lineStarting, isSpace(lineStart..<range.upperBound) { end = lineStart }
        }
        if end > range.lowerBound { append(.data, text(range.lowerBound..<end)) }
        count(range)
    }

    private mutating func lexComment() throws {
        var close = at
        while close + 1 < bytes.count, !(bytes[close] == 0x23 && bytes[close + 1] == 0x7D) { close += 1 }
        guard close + 1 < bytes.count else { throw fail("Missing end of comment tag") }
        let sign = close > at ? bytes[close - 1] : 0
        count(at..<close)
        at = close + 2
        skipAfterTag(sign: sign)
    }

    /// White space that a closing tag swallows.
    private mutating func skipAfterTag(sign: UInt8) {
        let start = at
        if sign == 0x2D {
            skipSpace()
        } else if sign != 0x2B, byte() == 0x0A, at < bytes.count {
            at += 1
        }
        count(start..<at)
        lineStarting = at > start && bytes[at - 1] == 0x0A
    }

    /// The position after `raw %}`, when the block tag being opened is a raw tag.
    private func rawBody(from position: Int) -> Int? {
        var p = spaceEnd(position)
        guard matches("raw", at: p) else { return nil }
        p = spaceEnd(p + 3)
        if matches("-%}", at: p) { return spaceEnd(p + 3) }
        return matches("%}", at: p) ? p + 2 : nil
    }

    private mutating func lexRaw() throws {
        let start = at
        var p = at
        while p + 1 < bytes.count {
            if bytes[p] == 0x7B, bytes[p + 1] == 0x25 {
                let sign = p + 2 < bytes.count ? bytes[p + 2] : 0
                var q = spaceEnd(p + (sign == 0x2D || sign == 0x2B ? 3 : 2))
                if matches("endraw", at: q) {
                    q = spaceEnd(q + 6)
                    let closeSign = q < bytes.count ? bytes[q] : 0
                    let close = closeSign == 0x2D || closeSign == 0x2B ? q + 1 : q
                    if matches("%}", at: close) {
                        emitData(start..<p, sign: sign, mayStrip: true)
                        count(p..<close)
                        at = close + 2
                        skipAfterTag(sign: closeSign)
                        return
                    }
                }
            }
            p += 1
        }
        throw fail("Missing end of raw directive")
    }

    /// The inside of `{{ … }}` or `{% … %}`.
    private mutating func lexTag(end: UInt8, kind: TemplateToken.Kind) throws {
        owed.removeAll()
        while at < bytes.count {
            if owed.isEmpty {
                if byte() == end, byte(1) == 0x7D {
                    append(kind)
                    at += 2
                    if kind == .blockEnd { skipAfterTag(sign: 0) } else { lineStarting = false }
                    return
                }
                if byte() == 0x2D || (byte() == 0x2B && kind == .blockEnd), byte(1) == end, byte(2) == 0x7D {
                    let sign = byte()
                    append(kind)
                    at += 3
                    skipAfterTag(sign: sign)
                    return
                }
            }
            try lexExpressionToken()
        }
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    mutating func count(_ range: Range<Int>) {
        for i in range where bytes[i] == 0x0A { line += 1 }
    }

    // MARK: White space, as Python's `\s` has it

    /// Length in bytes of the white-space character at a position; 0 if it is none.
    func spaceLength(at p: Int) -> Int {
        guard p < bytes.count else { return 0 }
        let b = bytes[p]
        if b < 0x80 { return PythonText.isSpace(Unicode.Scalar(b)) ? 1 : 0 }
        let (scalar, length) = scalar(at: p)
        return PythonText.isSpace(scalar) ? length : 0
    }

    func scalar(at p: Int) -> (Unicode.Scalar, Int) {
        var decoder = UTF8()
        var iterator = bytes[p..<min(p + 4, bytes.count)].makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return ("\u{FFFD}", 1) }
        return (scalar, UTF8.width(scalar))
    }

    func spaceEnd(_ start: Int) -> Int {
        var p = start
        while case let n = spaceLength(at: p), n > 0 { p += n }
        return p
    }

    mutating func skipSpace() { at = spaceEnd(at) }

    private func isSpace(_ range: Range<Int>) -> Bool {
        // `\s+` must match something; stripping nothing is the same as not stripping.
        spaceEnd(range.lowerBound) >= range.upperBound
    }

    private func trimmedEnd(_ range: Range<Int>) -> Int {
        var end = range.upperBound
        while end > range.lowerBound {
            var start = end - 1
            while start > range.lowerBound, bytes[start] & 0xC0 == 0x80 { start -= 1 }
            let n = spaceLength(at: start)
            guard n > 0, start + n == end else { break }
            end = start
        }
        return end
    }
}
