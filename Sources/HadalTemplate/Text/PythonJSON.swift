import HadalCore

/// Writes a value as Python's `json.dumps` does.
struct PythonJSON {
    var ensureASCII: Bool
    var sortsKeys: Bool
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    private let run: TemplateRun
    private var out = ""

    init(ensureASCII: Bool, sortsKeys: Bool, run: TemplateRun) {
        self.ensureASCII = ensureASCII
        self.sortsKeys = sortsKeys
        self.run = run
    }

    func text(of value: TemplateValue) throws -> String {
        var writer = self
        try writer.write(value, level: 0)
        try run.charge(bytes: writer.out.utf8.count)
        return writer.out
    }

    private mutating func write(_ value: TemplateValue, level: Int) throws {
        try run.charge(1)
        try run.check(bytes: out.utf8.count)
        switch value {
        case .null: out += "null"
        case .bool(let b): out += b ? "true" : "false"
        case .int(let i): out += String(i)
        case .bigInteger(let i): out += i.description
        case .float(let d): out += PythonJSON.text(d)
        case .string(let s), .markup(let s): quote(s)
        case .dict(let dictionary): try write(dictionary, level: level)
        default:
            let items: [TemplateValue]
            if case .list(let list) = value {
                items = list.items
            } else if let tuple = value.tupleItems {
                items = tuple
            } else {
                throw TemplateError.type("Object of type \(value.typeName) is not JSON serializable")
            }
            try bracket("[", "]", count: items.count, level: level) { writer, at in try writer.write(items[at], level: level + 1) }
        }
    }

    private mutating func write(_ dictionary: TemplateDictionary, level: Int) throws {
        var pairs = Array(zip(dictionary.keys, dictionary.values))
        if sortsKeys { pairs = try StableSort.sorted(pairs, run) { try TemplateValue.order($0.0, $1.0) == .less } }
        try bracket("{", "}", count: pairs.count, level: level) { writer, at in
            writer.quote(try PythonJSON.key(pairs[at].0))
            writer.out += writer.keySeparator
            try writer.write(pairs[at].1, level: level + 1)
        }
    }

    private mutating func bracket(
        _ open: String, _ close: String, count: Int, level: Int, _ body: (inout PythonJSON, Int) throws -> Void
    ) throws {
        out += open
        guard count > 0 else {
            out += close
            return
        }
        try run.checkStack()
        for at in 0..<count {
            if at > 0 { out += itemSeparator }
            try newline(level + 1)
            try body(&self, at)
        }
        try newline(level)
        out += close
    }

    private mutating func newline(_ level: Int) throws {
        guard let indent else { return }
        out += "\n"
        for _ in 0..<level { out += indent }
        try run.check(bytes: out.utf8.count)
    }

    private mutating func quote(_ text: String) {
        guard ensureASCII else { return JSON.quote(text, to: &out) }
        var quoted = ""
        JSON.quote(text, to: &quoted)
        for scalar in quoted.unicodeScalars {
            if scalar.value < 0x7F {
                out.unicodeScalars.append(scalar)
            } else {
                for unit in UTF16.encode(scalar) ?? UTF16.EncodedScalar() { out += "\\u" + PythonText.hex(UInt32(unit), digits: 4) }
            }
        }
    }

    private static func text(_ value: Double) -> String {
        value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : PythonNumber.text(value)
    }

    private static func key(_ key: TemplateValue) throws -> String {
        switch key {
        case .string(let s), .markup(let s): s
        case .null: "null"
        case .bool(let b): b ? "true" : "false"
        case .int(let i): String(i)
        case .bigInteger(let i): i.description
        case .float(let d): text(d)
        default: throw TemplateError.type("keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }
}
