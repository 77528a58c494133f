/// Tokens inside a tag.
extension TemplateLexer {
    mutating func lexExpressionToken() throws {
        let space = spaceEnd(at)
        if space > at {
            count(at..<space)
            at = space
            return
        }
        let b = byte()
        if b >= 0x30, b <= 0x39 { return try lexNumber() }
        if b == 0x27 || b == 0x22 { return try lexString(quote: b) }
        if b == 0x5F || b >= 0x80 || (b | 0x20 >= 0x61 && b | 0x20 <= 0x7A) { return try lexName() }
        try lexOperator()
    }

    private mutating func lexName() throws {
        let start = at
        while at < bytes.count {
            let b = bytes[at]
            if b < 0x80 {
                guard b == 0x5F || (b >= 0x30 && b <= 0x39) || (b | 0x20 >= 0x61 && b | 0x20 <= 0x7A) else { break }
                at += 1
            } else {
                let (scalar, length) = scalar(at: at)
                guard scalar.properties.isXIDContinue else { break }
                at += length
            }
        }
        if at == start {
            let (scalar, _) = scalar(at: at)
            throw fail("unexpected char '\(scalar)'")
        }
        append(.name, text(start..<at))
    }

    /// The end of digits that single underscores may separate; `start` itself if there are none.
    private func digitsEnd(_ start: Int, where accepts: (UInt8) -> Bool) -> Int {
        var p = start
        while p < bytes.count {
            if accepts(bytes[p]) {
                p += 1
            } else if bytes[p] == 0x5F, p > start, p + 1 < bytes.count, accepts(bytes[p + 1]) {
                p += 2
            } else {
                break
            }
        }
        return p
    }

    private mutating func lexNumber() throws {
        func decimal(_ b: UInt8) -> Bool { b >= 0x30 && b <= 0x39 }
        let start = at
        let whole = digitsEnd(start, where: decimal)
        // A number right after a dot, as in `a.0.1`, is never a float.
        if start == 0 || bytes[start - 1] != 0x2E {
            var end = whole
            var isFloat = false
            if end + 1 < bytes.count, bytes[end] == 0x2E, decimal(bytes[end + 1]) {
                end = digitsEnd(end + 1, where: decimal)
                isFloat = true
            }
            if end < bytes.count, bytes[end] | 0x20 == 0x65 {
                var exponent = end + 1
                if exponent < bytes.count, bytes[exponent] == 0x2B || bytes[exponent] == 0x2D { exponent += 1 }
                let close = digitsEnd(exponent, where: decimal)
                if close > exponent {
                    end = close
                    isFloat = true
                }
            }
            if isFloat {
                append(.float, text(start..<end).filter { $0 != "_" })
                at = end
                return
            }
        }
        if byte() == 0x30 {
            let digit: ((UInt8) -> Bool)? =
                switch byte(1) | 0x20 {
                case 0x62: { $0 == 0x30 || $0 == 0x31 }
                case 0x6F: { $0 >= 0x30 && $0 <= 0x37 }
                case 0x78: { decimal($0) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x66) }
                default: nil
                }
            if let digit {
                let first = start + 2 < bytes.count && bytes[start + 2] == 0x5F ? start + 3 : start + 2
                let end = digitsEnd(first, where: digit)
                if end > first {
                    append(.integer, text(start..<end).filter { $0 != "_" })
                    at = end
                    return
                }
            }
            at = digitsEnd(start) { $0 == 0x30 }
        } else {
            at = whole
        }
        append(.integer, text(start..<at).filter { $0 != "_" })
    }

    private mutating func lexOperator() throws {
        if let kind = twoByteOperator {
            append(kind)
            at += 2
            return
        }
        guard let kind = oneByteOperator else { throw fail("unexpected char '\(scalar(at: at).0)'") }
        switch byte() {
        case 0x7B: owed.append(0x7D)
        case 0x28: owed.append(0x29)
        case 0x5B: owed.append(0x5D)
        case 0x7D, 0x29, 0x5D:
            guard let expected = owed.popLast() else { throw fail("unexpected '\(kind.rawValue)'") }
            guard expected == byte() else {
                throw fail("unexpected '\(kind.rawValue)', expected '\(Unicode.Scalar(expected))'")
            }
        default: break
        }
        append(kind)
        at += 1
    }

    private var twoByteOperator: TemplateToken.Kind? {
        switch (byte(), byte(1)) {
        case (0x2F, 0x2F): .floorDivide
        case (0x2A, 0x2A): .power
        case (0x3D, 0x3D): .equal
        case (0x21, 0x3D): .notEqual
        case (0x3E, 0x3D): .greaterOrEqual
        case (0x3C, 0x3D): .lessOrEqual
        default: nil
        }
    }

    private var oneByteOperator: TemplateToken.Kind? {
        switch Unicode.Scalar(byte()) {
        case "+": .add
        case "-": .subtract
        case "/": .divide
        case "*": .multiply
        case "%": .modulo
        case "~": .tilde
        case "[": .leftBracket
        case "]": .rightBracket
        case "(": .leftParenthesis
        case ")": .rightParenthesis
        case "{": .leftBrace
        case "}": .rightBrace
        case ">": .greater
        case "<": .less
        case "=": .assign
        case ".": .dot
        case ":": .colon
        case "|": .pipe
        case ",": .comma
        case ";": .semicolon
        default: nil
        }
    }

    private mutating func lexString(quote: UInt8) throws {
        let start = at + 1
        var p = start
        var escaped = false
        while p < bytes.count, bytes[p] != quote {
            if bytes[p] == 0x5C {
                escaped = true
                p += 1
            }
            p += 1
        }
        guard p < bytes.count else { throw fail("unexpected char '\(Unicode.Scalar(quote))'") }
        append(.string, escaped ? try unescape(start..<p) : text(start..<p))
        count(start..<p)
        at = p + 1
    }

    /// Python's escapes; an unknown one keeps its backslash.
    private func unescape(_ range: Range<Int>) throws -> String {
        var out: [UInt8] = []
        var p = range.lowerBound
        while p < range.upperBound {
            guard bytes[p] == 0x5C, p + 1 < range.upperBound else {
                out.append(bytes[p])
                p += 1
                continue
            }
            let b = bytes[p + 1]
            p += 2
            switch b {
            case 0x0A: break
            case 0x5C, 0x27, 0x22: out.append(b)
            case 0x61: out.append(0x07)
            case 0x62: out.append(0x08)
            case 0x66: out.append(0x0C)
            case 0x6E: out.append(0x0A)
            case 0x72: out.append(0x0D)
            case 0x74: out.append(0x09)
            case 0x76: out.append(0x0B)
            case 0x30...0x37:
                var code = UInt32(b - 0x30)
                var digits = 1
                while digits < 3, p < range.upperBound, bytes[p] >= 0x30, bytes[p] <= 0x37 {
                    code = code * 8 + UInt32(bytes[p] - 0x30)
                    p += 1
                    digits += 1
                }
                try append(code, to: &out)
            case 0x78, 0x75, 0x55:
                let wanted = b == 0x78 ? 2 : b == 0x75 ? 4 : 8
                guard p + wanted <= range.upperBound, let code = hex(p..<p + wanted) else {
                    throw fail("malformed \\\(Unicode.Scalar(b)) escape in a string")
                }
                p += wanted
                // Two \u halves of a surrogate pair stay apart in Python and cannot be encoded; joined they are what was meant.
                if code >= 0xD800, code < 0xDC00, p + 6 <= range.upperBound, bytes[p] == 0x5C, bytes[p + 1] == 0x75,
                    let low = hex(p + 2..<p + 6), low >= 0xDC00, low < 0xE000
                {
                    p += 6
                    try append(0x10000 + (code - 0xD800) << 10 + (low - 0xDC00), to: &out)
                } else {
                    try append(code, to: &out)
                }
            case 0x4E: throw fail("\\N escapes are not supported")
            case 0x80...:
                // Python's detour through ASCII makes a backslash before such a character double it into an escape's text.
                let (scalar, length) = scalar(at: p - 1)
                p += length - 1
                out.append(contentsOf: PythonText.asciiEscape(scalar).utf8)
            default:
                out.append(0x5C)
                out.append(b)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private func hex(_ range: Range<Int>) -> UInt32? {
        var code: UInt32 = 0
        for b in bytes[range] {
            let digit: UInt8
            switch b {
            case 0x30...0x39: digit = b - 0x30
            case 0x41...0x46: digit = b - 0x41 + 10
            case 0x61...0x66: digit = b - 0x61 + 10
            default: return nil
            }
            code = code << 4 | UInt32(digit)
        }
        return code
    }

    private func append(_ code: UInt32, to out: inout [UInt8]) throws {
        guard let scalar = Unicode.Scalar(code) else { throw fail("a string escape names no character") }
        out.append(contentsOf: String(scalar).utf8)
    }
}
