import HadalCore

/// Python's `%` operator on strings.
struct PercentFormat {
    private let values: [TemplateValue]
    private let mapping: TemplateDictionary?
    /// Whether values left over are an error: they are, unless the right side was a mapping.
    private let isStrict: Bool
    private var used = 0
    private let run: TemplateRun

    static func apply(_ format: String, _ argument: TemplateValue, _ run: TemplateRun) throws -> String {
        var formatter = PercentFormat(argument, run)
        return try formatter.format(format)
    }

    private init(_ argument: TemplateValue, _ run: TemplateRun) {
        self.run = run
        if let items = argument.tupleItems {
            values = items
            mapping = nil
            isStrict = true
        } else {
            values = [argument]
            if case .dict(let dictionary) = argument { mapping = dictionary } else { mapping = nil }
            switch argument {
            case .dict, .list: isStrict = false
            default: isStrict = true
            }
        }
    }

    private mutating func nextValue() throws -> TemplateValue {
        guard used < values.count else { throw TemplateError.type("not enough arguments for format string") }
        used += 1
        return values[used - 1]
    }

    private mutating func format(_ format: String) throws -> String {
        var out = String.UnicodeScalarView()
        let scalars = Array(format.unicodeScalars)
        var at = 0
        while at < scalars.count {
            guard scalars[at] == "%" else {
                out.append(scalars[at])
                at += 1
                continue
            }
            at += 1
            var spec = FormatSpec()
            var key: TemplateValue?
            func current() throws -> Unicode.Scalar {
                guard at < scalars.count else { throw TemplateError.runtime("incomplete format") }
                return scalars[at]
            }
            if try current() == "(" {
                guard let mapping else { throw TemplateError.type("format requires a mapping") }
                var depth = 1
                let start = at + 1
                at += 1
                while depth > 0 {
                    guard at < scalars.count else { throw TemplateError.runtime("incomplete format key") }
                    if scalars[at] == "(" { depth += 1 }
                    if scalars[at] == ")" { depth -= 1 }
                    at += 1
                }
                var name = String.UnicodeScalarView()
                name.append(contentsOf: scalars[start..<at - 1])
                guard let value = mapping.get(String(name)) else { throw TemplateError.runtime("KeyError: '\(String(name))'") }
                key = value
            }
            flags: while true {
                switch try current() {
                case "-": spec.align = "<"
                case "+": spec.sign = "+"
                case " ": if spec.sign != "+" { spec.sign = " " }
                case "#": spec.isAlternate = true
                case "0": spec.isZeroPadded = true
                default: break flags
                }
                at += 1
            }
            func number() throws -> Int? {
                if try current() == "*" {
                    at += 1
                    guard let width = try nextValue().index else { throw TemplateError.type("* wants int") }
                    return width
                }
                var value: Int?
                while try current().value >= 0x30, try current().value <= 0x39 {
                    value = min((value ?? 0) * 10 + Int(try current().value - 0x30), 1 << 30)
                    at += 1
                }
                return value
            }
            if let width = try number() {
                if width < 0 { spec.align = "<" }
                spec.width = width == Int.min ? Int.max : abs(width)
            }
            if try current() == "." {
                at += 1
                spec.precision = max(0, try number() ?? 0)
            }
            while ["h", "l", "L"].contains(try current()) { at += 1 }
            let conversion = try current()
            at += 1
            if conversion == "%" {
                out.append("%")
                continue
            }
            let value = try key ?? nextValue()
            out.append(contentsOf: try convert(value, conversion, spec).unicodeScalars)
        }
        if isStrict, mapping == nil, used < values.count {
            throw TemplateError.type("not all arguments converted during string formatting")
        }
        return String(out)
    }

    private func convert(_ value: TemplateValue, _ conversion: Unicode.Scalar, _ spec: FormatSpec) throws -> String {
        var spec = spec
        if spec.align == nil { spec.align = ">" } else { spec.isZeroPadded = false }
        switch conversion {
        case "s", "r", "a":
            spec.isZeroPadded = false
            let text = try conversion == "s" ? value.printed(run) : value.represented(run)
            return try spec.padded(try spec.cut(conversion == "a" ? PercentFormat.ascii(text) : text), run)
        case "d", "i", "u":
            if case .undefined(let why) = value { throw why.error }
            guard let number = value.integer ?? value.number.flatMap({ BigInteger(exactly: $0.rounded(.towardZero)) }) else {
                throw TemplateError.type("%\(conversion) format: a real number is required, not \(value.typeName)")
            }
            spec.type = "d"
            return try spec.integer(number, minimumDigits: spec.precision ?? 0, run)
        case "x", "X", "o":
            guard let number = value.integer else {
                throw TemplateError.type("%\(conversion) format: an integer is required, not \(value.typeName)")
            }
            spec.type = conversion
            return try spec.integer(number, minimumDigits: spec.precision ?? 0, run)
        case "e", "E", "f", "F", "g", "G":
            if case .undefined(let why) = value { throw why.error }
            guard let number = value.number else { throw TemplateError.type("must be real number, not \(value.typeName)") }
            spec.type = conversion
            return try spec.float(number, run)
        case "c":
            spec.isZeroPadded = false
            if let text = value.text, PythonText.length(text) == 1 { return try spec.padded(text, run) }
            guard let code = value.index.flatMap(UInt32.init(exactly:)).flatMap(Unicode.Scalar.init) else {
                throw TemplateError.type("%c requires int or char")
            }
            return try spec.padded(String(code), run)
        default:
            throw TemplateError.runtime("unsupported format character '\(conversion)'")
        }
    }

    static func ascii(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { $0 += $1.isASCII ? String($1) : PythonText.asciiEscape($1) }
    }
}
