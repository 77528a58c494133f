#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

extension TemplateFilters {
    static let numberFilters: [String: Filter] = [
        "abs": plain("abs") { value, _ in
            if let i = value.integer { return .integer(i.absolute) }
            if let d = value.number { return .float(abs(d)) }
            if case .undefined(let why) = value { throw why.error }
            throw TemplateError.type("bad operand type for abs(): '\(value.typeName)'")
        },
        "int": { value, arguments, run in
            let bound = try arguments.bound(to: ["default", "base"], of: "int")
            let fallback = bound[0] ?? .int(0)
            switch value {
            case .bool, .int, .bigInteger: return value.integer.map { .integer($0) } ?? fallback
            case .float(let d): return whole(d) ?? fallback
            case .string(let s), .markup(let s):
                if let parsed = PythonNumber.parseInteger(s, base: try bound.int(1) ?? 10) {
                    return .integer(parsed)
                }
                return PythonNumber.parseFloat(s).flatMap { whole($0) } ?? fallback
            case .undefined(let why): throw why.error
            default: return fallback
            }
        },
        "float": { value, arguments, run in
            let fallback = try arguments.bound(to: ["default"], of: "float")[0] ?? .float(0)
            if case .undefined(let why) = value { throw why.error }
            if let d = value.number ?? value.text.flatMap({ PythonNumber.parseFloat($0) }) { return .float(d) }
            return fallback
        },
        "round": { value, arguments, run in
            let bound = try arguments.bound(to: ["precision", "method"], of: "round")
            let method = try bound.text(1) ?? "common"
            let precision = try bound.int(0) ?? 0
            guard ["common", "ceil", "floor"].contains(method) else { throw TemplateError.runtime("method must be common, ceil or floor") }
            if case .undefined(let why) = value { throw why.error }
            guard let number = value.number else { throw TemplateError.type("type \(value.typeName) doesn't define __round__ method") }
            if method == "common" {
                guard let i = value.integer else { return .float(PythonNumber.rounded(number, digits: precision)) }
                return .integer(precision >= 0 ? i : rounded(i, toZeros: precision.magnitude))
            }
            // As Jinja computes it: scaled, cut, scaled back.
            let power = pow(10, Double(precision))
            let cut = method == "ceil" ? (number * power).rounded(.up) : (number * power).rounded(.down)
            guard cut.isFinite else { throw TemplateError.runtime("cannot convert float infinity to integer") }
            return .float(cut / power)
        },
        "sum": { value, arguments, run in
            let bound = try arguments.bound(to: ["attribute", "start"], of: "sum")
            let get = getter(bound.given(0))
            var total = bound[1] ?? .int(0)
            if total.text != nil { throw TemplateError.type("sum() can't sum strings [use ''.join(seq) instead]") }
            var iterator = try value.iterate(run)
            while let item = try iterator.next() { total = try TemplateValue.arithmetic(.add, total, try get(item, run), run) }
            return total
        },
        "filesizeformat": { value, arguments, run in
            let isBinary = try arguments.bound(to: ["binary"], of: "filesizeformat").isTrue(0)
            if case .undefined(let why) = value { throw why.error }
            guard let size = value.number ?? value.text.flatMap({ PythonNumber.parseFloat($0) }) else {
                throw TemplateError.type("filesizeformat needs a number, not \(value.typeName)")
            }
            let base: Double = isBinary ? 1024 : 1000
            if size == 1 { return .string("1 Byte") }
            if size < base { return .string("\(BigInteger(exactly: size.rounded(.towardZero)) ?? BigInteger(0)) Bytes") }
            var unit = base * base
            let prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
            for (i, prefix) in prefixes.enumerated() where size < unit * pow(base, Double(i)) || i == prefixes.count - 1 {
                unit *= pow(base, Double(i))
                let amount = PythonNumber.formatted(base * size / unit, precision: 1, conversion: "f")
                return .string("\(amount) \(isBinary ? (prefix == "k" ? "K" : prefix) + "iB" : prefix + "B")")
            }
            return .null
        },
    ]

    /// `int(float)`; nil for infinities and NaN, which have no integer.
    private static func whole(_ value: Double) -> TemplateValue? { BigInteger(exactly: value.rounded(.towardZero)).map { .integer($0) } }

    /// To a multiple of a power of ten, halves to the even one.
    private static func rounded(_ value: BigInteger, toZeros zeros: UInt) -> BigInteger {
        guard let power = BigInteger(10).power(Int(clamping: zeros)) else { return BigInteger(0) }
        let (quotient, remainder) = value.dividedRoundingDown(by: power)
        let rest = power.adding(-remainder) ?? remainder
        let goesUp = remainder > rest || (remainder == rest && quotient.isOdd)
        return (goesUp ? quotient.adding(BigInteger(1)) : quotient)?.multiplied(by: power) ?? value
    }
}
