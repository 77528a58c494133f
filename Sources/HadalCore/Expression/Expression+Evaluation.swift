#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Expression {
    /// Evaluates with `lookup` giving the value of a name, or nil when the name is unknown.
    ///
    /// - Throws: `HadalError` that quotes the expression: unknown name, wrong kind of operand, division by zero, overflow.
    package func evaluate(_ lookup: (String) throws -> ExpressionValue?) throws -> ExpressionValue {
        try evaluate(root, lookup)
    }

    private func fail(_ message: String, _ code: HadalError.Code = .invalidArgument) -> HadalError {
        HadalError(code, "\(message) in expression \"\(text)\"")
    }

    private func evaluate(_ node: Node, _ lookup: (String) throws -> ExpressionValue?) throws -> ExpressionValue {
        switch node {
        case .literal(let value): return value
        case .name(let name):
            guard let value = try lookup(name) else { throw fail("unknown name '\(name)'", .notFound) }
            return value
        case .has(let name): return .bool(!(try lookup(name) ?? .null).isNull)
        case .array(let items): return .array(try items.map { try evaluate($0, lookup) })
        case .conditional(let condition, let yes, let no):
            guard let choice = try evaluate(condition, lookup).bool else { throw fail("'?' requires a boolean") }
            return try evaluate(choice ? yes : no, lookup)
        case .index(let base, let index):
            let whole = try evaluate(base, lookup)
            guard let i = try evaluate(index, lookup).int else { throw fail("an index must be an integer") }
            if let text = whole.string {
                let characters = Array(text.unicodeScalars)
                guard characters.indices.contains(i) else { throw fail("index \(i) is outside a text of \(characters.count) characters") }
                return .string(String(characters[i]))
            }
            guard let items = whole.array else { throw fail("only an array or a text can be indexed, not \(whole.kindName)") }
            guard items.indices.contains(i) else { throw fail("index \(i) is outside an array of \(items.count)") }
            return items[i]
        case .unary(let op, let a): return try unary(op, try evaluate(a, lookup))
        case .binary("&&", let a, let b): return .bool(try truth(a, lookup) && truth(b, lookup))
        case .binary("||", let a, let b): return .bool(try truth(a, lookup) || truth(b, lookup))
        case .binary(let op, let a, let b): return try binary(op, try evaluate(a, lookup), try evaluate(b, lookup))
        case .call(let name, let arguments): return try call(name, try arguments.map { try evaluate($0, lookup) })
        }
    }

    private func truth(_ node: Node, _ lookup: (String) throws -> ExpressionValue?) throws -> Bool {
        guard let value = try evaluate(node, lookup).bool else { throw fail("'&&' and '||' require booleans") }
        return value
    }

    private func unary(_ op: String, _ a: ExpressionValue) throws -> ExpressionValue {
        switch (op, a) {
        case ("!", .bool(let b)): return .bool(!b)
        case ("-", .int(let i)) where i != Int.min: return .int(-i)
        case ("-", .float(let d)): return .float(-d)
        default: throw fail("'\(op)' does not apply to \(a.kindName)")
        }
    }

    private func binary(_ op: String, _ a: ExpressionValue, _ b: ExpressionValue) throws -> ExpressionValue {
        switch op {
        case "==": return .bool(try equal(a, b))
        case "!=": return .bool(try !equal(a, b))
        default: break
        }
        guard let x = a.double, let y = b.double else {
            throw fail("'\(op)' requires numbers, not \(a.kindName) and \(b.kindName)")
        }
        switch op {
        case "<": return .bool(x < y)
        case "<=": return .bool(x <= y)
        case ">": return .bool(x > y)
        case ">=": return .bool(x >= y)
        default: break
        }
        if case .int(let i) = a, case .int(let j) = b { return try integer(op, i, j) }
        switch op {
        case "+": return .float(x + y)
        case "-": return .float(x - y)
        case "*": return .float(x * y)
        default:
            guard y != 0 else { throw fail("division by zero") }
            switch op {
            case "/": return .float(x / y)
            case "//": return .float((x / y).rounded(.down))
            default: return .float(x - y * (x / y).rounded(.down))
            }
        }
    }

    private func integer(_ op: String, _ i: Int, _ j: Int) throws -> ExpressionValue {
        let (value, overflow): (Int, Bool)
        switch op {
        case "+": (value, overflow) = i.addingReportingOverflow(j)
        case "-": (value, overflow) = i.subtractingReportingOverflow(j)
        case "*": (value, overflow) = i.multipliedReportingOverflow(by: j)
        default:
            guard j != 0 else { throw fail("division by zero") }
            guard !(i == Int.min && j == -1) else { throw fail("integer overflow") }
            let (quotient, remainder) = i.quotientAndRemainder(dividingBy: j)
            let floored = remainder != 0 && (remainder < 0) != (j < 0) ? quotient - 1 : quotient
            switch op {
            case "/": return remainder == 0 ? .int(quotient) : .float(Double(i) / Double(j))
            case "//": return .int(floored)
            default: return .int(remainder != 0 && (remainder < 0) != (j < 0) ? remainder + j : remainder)
            }
        }
        guard !overflow else { throw fail("integer overflow") }
        return .int(value)
    }

    /// - Throws: for a list and a scalar, which no model makes equal: an entry of the list is what was meant.
    private func equal(_ a: ExpressionValue, _ b: ExpressionValue) throws -> Bool {
        if (a.array == nil) != (b.array == nil), !a.isNull, !b.isNull {
            throw fail(Self.listComparison(a.array == nil ? a.description : b.description))
        }
        return a.isEqual(to: b)
    }

    /// What is wrong with comparing a list with one value.
    package static func listComparison(_ other: String) -> String {
        "a list is never equal to \(other): compare an entry, list[i], or use contains()"
    }

    private func call(_ name: String, _ arguments: [ExpressionValue]) throws -> ExpressionValue {
        if name == "len" {
            if let text = arguments[0].string { return .int(text.unicodeScalars.count) }
            guard let items = arguments[0].array else { throw fail("len() takes a list or a text, not \(arguments[0].kindName)") }
            return .int(items.count)
        }
        if name == "sum" {
            guard let items = arguments[0].array else { throw fail("sum() requires an array") }
            return try items.reduce(.int(0)) { try binary("+", $0, $1) }
        }
        if name == "last" {
            guard let items = arguments[0].array else { throw fail("last() takes a list and a value, not \(arguments[0].kindName)") }
            guard arguments.count < 3 || arguments[2].int.map({ (0...items.count).contains($0) }) == true else {
                throw fail("last() looks at the first \(arguments[2]) of \(items.count) entries")
            }
            let end = arguments.count < 3 ? items.count : arguments[2].int ?? 0
            return .int(try items[..<end].lastIndex { try equal($0, arguments[1]) } ?? -1)
        }
        if name == "contains" {
            guard let items = arguments[0].array else { throw fail("contains() takes a list and a value, not \(arguments[0].kindName)") }
            return .bool(try items.contains { try equal($0, arguments[1]) })
        }
        let numbers = arguments.compactMap(\.double)
        guard numbers.count == arguments.count else { throw fail("\(name)() requires numbers") }
        func whole(_ value: Double) throws -> ExpressionValue {
            guard let i = Int(exactly: value) else { throw fail("\(name)() is out of range") }
            return .int(i)
        }
        switch name {
        case "min", "max":
            var best = 0
            for i in 1..<numbers.count where name == "min" ? numbers[i] < numbers[best] : numbers[i] > numbers[best] { best = i }
            return arguments[best]
        case "floor": return try whole(numbers[0].rounded(.down))
        case "ceil": return try whole(numbers[0].rounded(.up))
        case "round": return try whole(numbers[0].rounded())
        case "int": return try whole(numbers[0].rounded(.towardZero))
        case "abs":
            if case .int(let i) = arguments[0] {
                guard i != Int.min else { throw fail("integer overflow") }
                return .int(Swift.abs(i))
            }
            return .float(Swift.abs(numbers[0]))
        case "sqrt":
            guard numbers[0] >= 0 else { throw fail("sqrt() of a negative number") }
            return .float(numbers[0].squareRoot())
        case "log":
            guard numbers[0] > 0 else { throw fail("log() requires a positive number") }
            return .float(log(numbers[0]))
        case "exp": return .float(exp(numbers[0]))
        case "tanh": return .float(tanh(numbers[0]))
        case "erf": return .float(erf(numbers[0]))
        case "sin": return .float(sin(numbers[0]))
        case "cos": return .float(cos(numbers[0]))
        default: return .float(pow(numbers[0], numbers[1]))
        }
    }
}
