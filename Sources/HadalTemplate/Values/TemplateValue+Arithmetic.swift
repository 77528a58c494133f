#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

import HadalCore

/// Python's operators.
extension TemplateValue {
    static let tooLarge = TemplateError.runtime("an integer has more than \(BigInteger.maximumDigits) digits")

    static func arithmetic(_ op: TemplateExpression.Operator, _ a: TemplateValue, _ b: TemplateValue, _ run: TemplateRun) throws
        -> TemplateValue
    {
        if op == .modulo, let format = a.text {
            guard a.isMarkup else { return .string(try PercentFormat.apply(format, b, run)) }
            return .markup(try PercentFormat.apply(format, try TemplateMethods.escaped(b, run), run))
        }
        if case .undefined(let why) = a { throw why.error }
        if case .undefined(let why) = b { throw why.error }
        if let x = a.index, let y = b.index, let result = integers(op, x, y) { return .int(result) }
        if let x = a.integer, let y = b.integer { return try integers(op, x, y, run) }
        if a.number != nil, b.number != nil, let x = try float(a), let y = try float(b) { return .float(try floats(op, x, y)) }
        switch op {
        case .add:
            if let x = a.text, let y = b.text { return try joined(x, a.isMarkup, y, b.isMarkup, run) }
            if case .list(let x) = a, case .list(let y) = b { return .list(try joined(x.items, y.items, run)) }
            if let x = a.tupleItems, let y = b.tupleItems { return .tuple(try joined(x, y, run)) }
        case .multiply:
            if let n = b.clampedIndex, let product = try repeated(a, n, run) { return product }
            if let n = a.clampedIndex, let product = try repeated(b, n, run) { return product }
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

    /// nil where the result is no integer of 64 bits.
    private static func integers(_ op: TemplateExpression.Operator, _ x: Int, _ y: Int) -> Int? {
        let result: (partialValue: Int, overflow: Bool)
        switch op {
        case .add: result = x.addingReportingOverflow(y)
        case .subtract: result = x.subtractingReportingOverflow(y)
        case .multiply: result = x.multipliedReportingOverflow(by: y)
        case .floorDivide, .modulo:
            guard y != 0, x != .min else { return nil }
            let (quotient, remainder) = x.quotientAndRemainder(dividingBy: y)
            let isBelow = remainder != 0 && (remainder < 0) != (y < 0)
            return op == .modulo ? (isBelow ? remainder + y : remainder) : (isBelow ? quotient - 1 : quotient)
        case .divide, .power: return nil
        }
        return result.overflow ? nil : result.partialValue
    }

    private static func integers(
        _ op: TemplateExpression.Operator, _ x: BigInteger, _ y: BigInteger, _ run: TemplateRun
    ) throws -> TemplateValue {
        let result: BigInteger?
        switch op {
        case .add: result = x.adding(y)
        case .subtract: result = x.adding(-y)
        case .multiply: result = x.multiplied(by: y)
        case .divide:
            if y.isZero { throw TemplateError.runtime("division by zero") }
            let quotient = x.divided(by: y)
            guard quotient.isFinite else { throw TemplateError.runtime("integer division result too large for a float") }
            return .float(quotient)
        case .floorDivide, .modulo:
            if y.isZero { throw TemplateError.runtime("integer division or modulo by zero") }
            try run.charge(x.bitWidth / 32 * y.bitWidth / 8)
            let (quotient, remainder) = x.dividedRoundingDown(by: y)
            result = op == .modulo ? remainder : quotient
        case .power:
            if y.isNegative { return .float(try floats(op, try float(x), try float(y))) }
            try run.charge(min(y.int ?? .max, 1 << 14))
            result = y.int.flatMap { x.power($0) } ?? (x.bitWidth < 2 ? x.power(y.isOdd ? 1 : 2) : nil)
        }
        guard let result else { throw tooLarge }
        return .integer(result)
    }

    /// An integer as an operand beside a float.
    private static func float(_ value: BigInteger) throws -> Double {
        let float = value.double
        guard float.isFinite else { throw TemplateError.runtime("int too large to convert to float") }
        return float
    }

    private static func float(_ value: TemplateValue) throws -> Double? { try value.integer.map { try float($0) } ?? value.number }

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
        if let i = value.integer { return .integer(-i) }
        if let d = value.number { return .float(-d) }
        throw TemplateError.type("bad operand type for unary -: '\(value.typeName)'")
    }

    static func posited(_ value: TemplateValue) throws -> TemplateValue {
        if case .undefined(let why) = value { throw why.error }
        if let i = value.integer { return .integer(i) }
        if value.number != nil { return value }
        throw TemplateError.type("bad operand type for unary +: '\(value.typeName)'")
    }
}
