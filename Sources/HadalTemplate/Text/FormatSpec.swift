import HadalCore

/// Python's format specification: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
struct FormatSpec {
    var fill = " "
    /// One of < > ^ =.
    var align: Unicode.Scalar?
    var sign: Unicode.Scalar = "-"
    var isAlternate = false
    var isZeroPadded = false
    var width = 0
    var grouping: Unicode.Scalar?
    var precision: Int?
    var type: Unicode.Scalar?

    init() {}

    init(parsing text: String) throws {
        var rest = Array(text.unicodeScalars)[...]
        func isAlign(_ scalar: Unicode.Scalar) -> Bool { "<>^=".unicodeScalars.contains(scalar) }
        if rest.count > 1, isAlign(rest[rest.startIndex + 1]), let first = rest.popFirst() {
            fill = String(first)
            align = rest.popFirst()
        } else if let first = rest.first, isAlign(first) {
            align = rest.popFirst()
        }
        if let first = rest.first, "+- ".unicodeScalars.contains(first) {
            sign = first
            rest.removeFirst()
        }
        if rest.first == "z" { rest.removeFirst() }
        if rest.first == "#" {
            isAlternate = true
            rest.removeFirst()
        }
        if rest.first == "0" {
            isZeroPadded = align == nil
            if align == nil { fill = "0" }
            rest.removeFirst()
        }
        func number() -> Int? {
            var value: Int?
            while let digit = rest.first, digit.value >= 0x30, digit.value <= 0x39 {
                value = min((value ?? 0) * 10 + Int(digit.value - 0x30), 1 << 30)
                rest.removeFirst()
            }
            return value
        }
        width = number() ?? 0
        if let first = rest.first, first == "," || first == "_" {
            grouping = first
            rest.removeFirst()
        }
        if rest.first == "." {
            rest.removeFirst()
            guard let digits = number() else { throw TemplateError.runtime("Format specifier missing precision") }
            precision = digits
        }
        type = rest.popFirst()
        if !rest.isEmpty { throw TemplateError.runtime("Invalid format specifier '\(text)'") }
    }

    /// `format(value, spec)`
    func apply(_ value: TemplateValue, _ run: TemplateRun) throws -> String {
        switch value {
        case .string(let s), .markup(let s):
            guard type == nil || type == "s" else {
                throw TemplateError.runtime("Unknown format code '\(type ?? " ")' for object of type 'str'")
            }
            if sign != "-" || align == "=" { throw TemplateError.runtime("not allowed in a string format specifier") }
            return try padded(try cut(s), run)
        case .bool, .int, .bigInteger:
            let number = value.integer ?? BigInteger(0)
            var spec = self
            switch type {
            case nil, "d", "n", "x", "X", "o", "b":
                if precision != nil { throw TemplateError.runtime("Precision not allowed in integer format specifier") }
                spec.align = align ?? ">"
                return try spec.integer(number, minimumDigits: 0, run)
            case "c":
                guard let scalar = number.int.flatMap(UInt32.init(exactly:)).flatMap(Unicode.Scalar.init) else {
                    throw TemplateError.runtime("%c arg not in range(0x110000)")
                }
                return try padded(String(scalar), run)
            case "e", "E", "f", "F", "g", "G", "%":
                spec.align = align ?? ">"
                guard number.double.isFinite else { throw TemplateError.runtime("int too large to convert to float") }
                return try spec.float(number.double, run)
            default: throw TemplateError.runtime("Unknown format code '\(type ?? " ")' for object of type 'int'")
            }
        case .float(let d):
            var spec = self
            spec.align = align ?? ">"
            guard type == nil || "eEfFgGn%".unicodeScalars.contains(type ?? " ") else {
                throw TemplateError.runtime("Unknown format code '\(type ?? " ")' for object of type 'float'")
            }
            return try spec.float(d, run)
        default:
            throw TemplateError.type("unsupported format string passed to \(value.typeName).__format__")
        }
    }

    func cut(_ text: String) throws -> String { try precision.map { try Slicing.slice(text, 0, $0, nil) } ?? text }

    func padded(_ text: String, _ run: TemplateRun) throws -> String {
        switch align {
        case ">": return try StringMethods.pad(text, to: width, with: fill, .right, run)
        case "^":
            let missing = max(0, width - PythonText.length(text))
            try run.charge(bytes: missing)
            return String(repeating: fill, count: missing / 2) + text + String(repeating: fill, count: missing - missing / 2)
        default: return try StringMethods.pad(text, to: width, with: fill, .left, run)
        }
    }

    private func numeric(_ prefix: String, _ digits: String, fraction: String, _ run: TemplateRun) throws -> String {
        var whole = digits
        let fillsInside = isZeroPadded || align == "="
        let inner = isZeroPadded ? "0" : fill
        try run.charge(bytes: width)
        if let grouping {
            let size = type.map { "xXob".unicodeScalars.contains($0) } ?? false ? 4 : 3
            if fillsInside, inner == "0" {
                while FormatSpec.grouped(whole, grouping, size).utf8.count + prefix.utf8.count + fraction.utf8.count < width {
                    whole = "0" + whole
                }
            }
            whole = FormatSpec.grouped(whole, grouping, size)
        }
        if fillsInside {
            let missing = width - prefix.utf8.count - whole.utf8.count - fraction.utf8.count
            return prefix + String(repeating: inner, count: max(0, missing)) + whole + fraction
        }
        return try padded(prefix + whole + fraction, run)
    }

    private static func grouped(_ digits: String, _ separator: Unicode.Scalar, _ size: Int) -> String {
        var out = ""
        let count = digits.utf8.count
        for (i, c) in digits.enumerated() {
            if i > 0, (count - i) % size == 0 { out.unicodeScalars.append(separator) }
            out.append(c)
        }
        return out
    }

    private func signText(_ isNegative: Bool) -> String { isNegative ? "-" : sign == "-" ? "" : String(sign) }

    func integer(_ value: BigInteger, minimumDigits: Int, _ run: TemplateRun) throws -> String {
        let (radix, mark) =
            switch type {
            case "x", "X": (16, "0x")
            case "o": (8, "0o")
            case "b": (2, "0b")
            default: (10, "")
            }
        var digits = value.absolute.text(radix: radix)
        try run.charge(bytes: minimumDigits)
        digits = String(repeating: "0", count: max(0, minimumDigits - digits.utf8.count)) + digits
        var prefix = signText(value.isNegative) + (isAlternate ? mark : "")
        if type == "X" {
            digits = digits.uppercased()
            prefix = prefix.uppercased()
        }
        return try numeric(prefix, digits, fraction: "", run)
    }

    func float(_ value: Double, _ run: TemplateRun) throws -> String {
        if let precision { try run.charge(bytes: precision) }
        let magnitude = value.magnitude
        var digits: String
        if !value.isFinite {
            digits = value.isNaN ? "nan" : "inf"
        } else {
            switch type {
            case "f", "F": digits = PythonNumber.formatted(magnitude, precision: precision ?? 6, conversion: "f")
            case "e", "E": digits = PythonNumber.formatted(magnitude, precision: precision ?? 6, conversion: "e")
            case "%": digits = PythonNumber.formatted(magnitude * 100, precision: precision ?? 6, conversion: "f")
            case "g", "G", "n": digits = PythonNumber.formatted(magnitude, precision: precision ?? 6, conversion: "g")
            default:
                if let precision {
                    digits = PythonNumber.formatted(magnitude, precision: max(1, precision), conversion: "g")
                    // Without a type, a whole number keeps a digit after the point, or an exponent.
                    if !digits.contains(".") && !digits.contains("e") { digits += ".0" }
                    if precision <= 1, magnitude >= 1, let point = digits.firstIndex(of: "."), digits[..<point].count >= max(1, precision),
                        digits.hasSuffix(".0")
                    {
                        digits = PythonNumber.formatted(magnitude, precision: 0, conversion: "e")
                    }
                } else {
                    digits = PythonNumber.text(magnitude)
                }
            }
        }
        if type == "E" || type == "G" || type == "F" { digits = digits.uppercased() }
        if type == "%" { digits += "%" }
        let isNegative = value.sign == .minus && !value.isNaN
        let end = digits.firstIndex { !($0.isNumber && $0.isASCII) } ?? digits.endIndex
        return try numeric(signText(isNegative), String(digits[..<end]), fraction: String(digits[end...]), run)
    }
}
