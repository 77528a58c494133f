/// Precedence-climbing parser for `Expression`.
struct ExpressionParser {
    static let maximumDepth = 64
    /// Operators in a row, `a + b + c`, make a tree as deep as there are of them.
    static let maximumOperators = 256

    private enum Token: Equatable {
        case number(ExpressionValue), string(String), name(String), symbol(String), end
    }

    private static let precedence: [String: Int] = [
        "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6,
    ]
    static let functions: [String: ClosedRange<Int>] = [
        "min": 1...16, "max": 1...16, "floor": 1...1, "ceil": 1...1, "round": 1...1, "abs": 1...1, "sqrt": 1...1,
        "log": 1...1, "exp": 1...1, "tanh": 1...1, "erf": 1...1, "sin": 1...1, "cos": 1...1, "pow": 2...2, "len": 1...1, "sum": 1...1,
        "int": 1...1, "contains": 2...2, "last": 2...3,
    ]

    private let text: String
    private let bytes: [UInt8]
    private var at = 0
    private var token = Token.end
    private var tokenStart = 0
    private var operators = 0

    init(text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    mutating func parse() throws -> Expression.Node {
        guard bytes.count <= 4096 else { throw HadalError(.limitExceeded, "an expression may have at most 4096 bytes") }
        try advance()
        let node = try conditional(depth: 0)
        guard token == .end else { throw fail("unexpected text") }
        return node
    }

    private func fail(_ message: String) -> HadalError {
        HadalError(.malformed, "\(message) at column \(tokenStart + 1) of expression \"\(text)\"")
    }

    private mutating func advance() throws {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0A { at += 1 }
        tokenStart = at
        guard at < bytes.count else { token = .end; return }
        let byte = bytes[at]
        func isDigit(_ i: Int) -> Bool { i < bytes.count && bytes[i] >= 0x30 && bytes[i] <= 0x39 }
        func isLetter(_ i: Int) -> Bool {
            i < bytes.count && (bytes[i] | 0x20 >= 0x61 && bytes[i] | 0x20 <= 0x7A || bytes[i] == UInt8(ascii: "_"))
        }
        if isDigit(at) {
            while isDigit(at) { at += 1 }
            var whole = true
            if at < bytes.count, bytes[at] == UInt8(ascii: "."), isDigit(at + 1) {
                whole = false
                at += 1
                while isDigit(at) { at += 1 }
            }
            if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
                let mark = at
                at += 1
                if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
                if isDigit(at) {
                    whole = false
                    while isDigit(at) { at += 1 }
                } else {
                    at = mark
                }
            }
            let spelling = String(decoding: bytes[tokenStart..<at], as: UTF8.self)
            if whole {
                guard let value = Int(spelling) else { throw fail("number too large") }
                token = .number(.int(value))
            } else {
                guard let value = Double(spelling) else { throw fail("malformed number") }
                token = .number(.float(value))
            }
        } else if isLetter(at) {
            while isLetter(at) || isDigit(at) || (at < bytes.count && bytes[at] == UInt8(ascii: ".") && isLetter(at + 1)) { at += 1 }
            token = .name(String(decoding: bytes[tokenStart..<at], as: UTF8.self))
        } else if byte == UInt8(ascii: "'") {
            guard let close = bytes[(at + 1)...].firstIndex(of: byte) else { throw fail("unterminated text") }
            token = .string(String(decoding: bytes[(at + 1)..<close], as: UTF8.self))
            at = close + 1
        } else {
            for symbol in ["||", "&&", "==", "!=", "<=", ">=", "//"] where Array(bytes[at...].prefix(2)) == Array(symbol.utf8) {
                token = .symbol(symbol)
                at += 2
                return
            }
            let symbol = String(decoding: [byte], as: UTF8.self)
            guard "+-*/%<>!?:()[],".contains(symbol) else { throw fail("unexpected character") }
            token = .symbol(symbol)
            at += 1
        }
    }

    private mutating func take(_ symbol: String) throws {
        guard token == .symbol(symbol) else { throw fail("expected '\(symbol)'") }
        try advance()
    }

    private mutating func conditional(depth: Int) throws -> Expression.Node {
        guard depth < Self.maximumDepth else { throw HadalError(.limitExceeded, "expression nested too deeply: \"\(text)\"") }
        let condition = try binary(minimum: 1, depth: depth + 1)
        guard token == .symbol("?") else { return condition }
        try advance()
        let yes = try conditional(depth: depth + 1)
        try take(":")
        let no = try conditional(depth: depth + 1)
        return .conditional(condition, yes, no)
    }

    private mutating func binary(minimum: Int, depth: Int) throws -> Expression.Node {
        var left = try unary(depth: depth)
        while case .symbol(let op) = token, let level = Self.precedence[op], level >= minimum {
            try countOperator()
            try advance()
            left = .binary(op, left, try binary(minimum: level + 1, depth: depth + 1))
        }
        return left
    }

    private mutating func countOperator() throws {
        operators += 1
        guard operators <= Self.maximumOperators else {
            throw HadalError(.limitExceeded, "more than \(Self.maximumOperators) operators in expression \"\(text)\"")
        }
    }

    private mutating func unary(depth: Int) throws -> Expression.Node {
        guard depth < Self.maximumDepth else { throw HadalError(.limitExceeded, "expression nested too deeply: \"\(text)\"") }
        if case .symbol(let op) = token, op == "-" || op == "!" {
            try advance()
            return .unary(op, try unary(depth: depth + 1))
        }
        var node = try primary(depth: depth)
        while token == .symbol("[") {
            try countOperator()
            try advance()
            let index = try conditional(depth: depth + 1)
            try take("]")
            node = .index(node, index)
        }
        return node
    }

    private mutating func primary(depth: Int) throws -> Expression.Node {
        switch token {
        case .number(let value):
            try advance()
            return .literal(value)
        case .string(let value):
            try advance()
            return .literal(.string(value))
        case .name(let name):
            try advance()
            if token == .symbol("(") { return try call(name, depth: depth) }
            switch name {
            case "true": return .literal(.bool(true))
            case "false": return .literal(.bool(false))
            case "null": return .literal(.null)
            default: return .name(name)
            }
        case .symbol("("):
            try advance()
            let node = try conditional(depth: depth + 1)
            try take(")")
            return node
        case .symbol("["):
            try advance()
            return .array(try list(until: "]", depth: depth))
        default: throw fail("expected a value")
        }
    }

    private mutating func list(until close: String, depth: Int) throws -> [Expression.Node] {
        var items: [Expression.Node] = []
        while token != .symbol(close) {
            if !items.isEmpty { try take(",") }
            items.append(try conditional(depth: depth + 1))
        }
        try advance()
        return items
    }

    private mutating func call(_ name: String, depth: Int) throws -> Expression.Node {
        if name == "has" {
            try advance()
            guard case .name(let argument) = token else { throw fail("has() requires a name") }
            try advance()
            try take(")")
            return .has(argument)
        }
        guard let arity = Self.functions[name] else {
            throw fail("unknown function '\(name)' (known: has, \(Self.functions.keys.sorted().joined(separator: ", ")))")
        }
        try advance()
        let arguments = try list(until: ")", depth: depth)
        guard arity.contains(arguments.count) else { throw fail("'\(name)' does not take \(arguments.count) arguments") }
        return .call(name, arguments)
    }
}
