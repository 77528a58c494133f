#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Python's operators. Integers that leave 64 bits are an error.
extension TemplateValue {
    static let tooLarge = TemplateError.runtime("the integer result does not fit 64 bits")

    static func arithmetic(_ op: TemplateExpression.Operator, _ a: TemplateValue, _ b: TemplateValue, _ run: TemplateRun) throws -> TemplateValue {
        if op == .modulo, let format = a.text {
            guard a.isMarkup else { return .string(try PercentFormat.apply(format, b, run)) }
            return .markup(try PercentFormat.apply(format, try TemplateMethods.escaped(b, run), run))
        }
        if case .undefined(let why) = a { throw why.error }
        if case .undefined(let why) = b { throw why.error }
        if let x = a.index, let y = b.index { return try integers(op, x, y) }
        if let x = a.number, let y = b.number { return .float(try floats(op, x, y)) }
        switch op {
        case .add:
            if let x = a.text, let y = b.text { return try joined(x, a.isMarkup, y, b.isMarkup, run) }
            if case .list(let x) = a, case .list(let y) = b { return .list(try joined(x.items, y.items, run)) }
            if let x = a.tupleItems, let y = b.tupleItems { return .tuple(try joined(x, y, run)) }
        case .multiply:
            if let n = b.index, let product = try repeated(a, n, run) { return product }
            if let n = a.index, let product = try repeated(b, n, run) { return product }
        default: break
        }
        if op == .add, a.text != nil { throw TemplateError.type("can only concatenate str (not \"\(b.typeName)\") to str") }
        throw TemplateError.type("unsupported operand type(s) for \(op.rawValue): '\(a.typeName)' and '\(b.typeName)'")
    }

    private static func joined(_ x: String, _ xMarked: Bool, _ y: String, _ yMarked: Bool, _ run: TemplateRun) throws -> TemplateValue {
        try run.charge(bytes: x.utf8.count + y.utf8.count)
        if xMarked || yMarked { return .markup((xMarked ? x : HTMLText.escaped(x)) + (yMarked ? y : HTMLText.escaped(y))) }
        return .string(x + y)
    }

    private static func joined(_ x: [TemplateValue], _ y: [TemplateValue], _ run: TemplateRun) throws -> [TemplateValue] {
        try run.charge(x.count + y.count)
        return x + y
    }

    private static func repeated(_ value: TemplateValue, _ n: Int, _ run: TemplateRun) throws -> TemplateValue? {
        let n = max(0, n)
        switch value {
        case .string(let s), .markup(let s):
            let (size, overflow) = s.utf8.count.multipliedReportingOverflow(by: n)
            try run.charge(bytes: overflow ? Int.max : size)
            let text = size == 0 ? "" : String(repeating: s, count: n)
            return value.isMarkup ? .markup(text) : .string(text)
        case .list(let list), .tuple(let list):
            let (size, overflow) = list.items.count.multipliedReportingOverflow(by: n)
            try run.charge(overflow ? Int.max : size)
            var items: [TemplateValue] = []
            if size > 0 { for _ in 0..<n { items += list.items } }
            if case .list = value { return .list(items) }
            return .tuple(items)
        default: return nil
        }
    }

    private static func integers(_ op: TemplateExpression.Operator, _ x: Int, _ y: Int) throws -> TemplateValue {
        let result: (partialValue: Int, overflow: Bool)
        switch op {
        case .add: result = x.addingReportingOverflow(y)
        case .subtract: result = x.subtractingReportingOverflow(y)
        case .multiply: result = x.multipliedReportingOverflow(by: y)
        case .divide:
            if y == 0 { throw TemplateError.runtime("division by zero") }
            return .float(Double(x) / Double(y))
        case .floorDivide, .modulo:
            if y == 0 { throw TemplateError.runtime("integer division or modulo by zero") }
            let (quotient, overflow) = x.dividedReportingOverflow(by: y)
            if overflow {
                if op == .modulo { return .int(0) }
                throw tooLarge
            }
            let remainder = x % y
            let isBelow = remainder != 0 && (remainder < 0) != (y < 0)
            return .int(op == .modulo ? (isBelow ? remainder + y : remainder) : (isBelow ? quotient - 1 : quotient))
        case .power:
            if y < 0 {
                if x == 0 { throw TemplateError.runtime("0.0 cannot be raised to a negative power") }
                return .float(pow(Double(x), Double(y)))
            }
            return .int(try power(x, y))
        }
        if result.overflow { throw tooLarge }
        return .int(result.partialValue)
    }

    private static func power(_ base: Int, _ exponent: Int) throws -> Int {
        if base == 0 || base == 1 { return exponent == 0 ? 1 : base }
        if base == -1 { return exponent & 1 == 0 ? 1 : -1 }
        guard exponent < 64 else { throw tooLarge }
        var result = 1
        for _ in 0..<exponent {
            let (product, overflow) = result.multipliedReportingOverflow(by: base)
            if overflow { throw tooLarge }
            result = product
        }
        return result
    }

    private static func floats(_ op: TemplateExpression.Operator, _ x: Double, _ y: Double) throws -> Double {
        switch op {
        case .add: return x + y
        case .subtract: return x - y
        case .multiply: return x * y
        case .divide:
            if y == 0 { throw TemplateError.runtime("float division by zero") }
            return x / y
        case .floorDivide, .modulo:
            if y == 0 { throw TemplateError.runtime("float floor division or modulo by zero") }
            var remainder = fmod(x, y)
            var quotient = (x - remainder) / y
            if remainder != 0 {
                if (y < 0) != (remainder < 0) {
                    remainder += y
                    quotient -= 1
                }
            } else {
                remainder = y.sign == .minus ? -0.0 : 0
            }
            if op == .modulo { return remainder }
            if quotient == 0 { return (x / y).sign == .minus ? -0.0 : 0 }
            let floored = quotient.rounded(.down)
            return quotient - floored > 0.5 ? floored + 1 : floored
        case .power:
            if x == 0, y < 0 { throw TemplateError.runtime("0.0 cannot be raised to a negative power") }
            if x < 0, y.isFinite, y != y.rounded() { throw TemplateError.runtime("a complex result is not supported") }
            let result = pow(x, y)
            if result.isInfinite, x.isFinite, y.isFinite { throw TemplateError.runtime("(34, 'Numerical result out of range')") }
            return result
        }
    }

    static func negated(_ value: TemplateValue) throws -> TemplateValue {
        if case .undefined(let why) = value { throw why.error }
        if let i = value.index {
            if i == Int.min { throw tooLarge }
            return .int(-i)
        }
        if let d = value.number { return .float(-d) }
        throw TemplateError.type("bad operand type for unary -: '\(value.typeName)'")
    }

    static func posited(_ value: TemplateValue) throws -> TemplateValue {
        if case .undefined(let why) = value { throw why.error }
        if let i = value.index { return .int(i) }
        if value.number != nil { return value }
        throw TemplateError.type("bad operand type for unary +: '\(value.typeName)'")
    }
}
