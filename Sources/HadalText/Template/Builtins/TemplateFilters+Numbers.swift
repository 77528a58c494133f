#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

extension TemplateFilters {
    static let numberFilters: [String: Filter] = [
        "abs": plain("abs") { value, _ in
            if let i = value.index {
                if i == Int.min { throw TemplateValue.tooLarge }
                return .int(abs(i))
            }
            if let d = value.number { return .float(abs(d)) }
            if case .undefined(let why) = value { throw why.error }
            throw TemplateError.type("bad operand type for abs(): '\(value.typeName)'")
        },
        "int": { value, arguments, run in
            let bound = try arguments.bound(to: ["default", "base"], of: "int")
            let fallback = bound[0] ?? .int(0)
            switch value {
            case .bool, .int: return .int(value.index ?? 0)
            case .float(let d): return try whole(d) ?? fallback
            case .string(let s), .markup(let s):
                if let parsed = PythonNumber.parseInteger(s, base: try bound.int(1) ?? 10) {
                    guard let integer = parsed else { throw TemplateValue.tooLarge }
                    return .int(integer)
                }
                return try PythonNumber.parseFloat(s).flatMap { try whole($0) } ?? fallback
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
                guard let i = value.index else { return .float(PythonNumber.rounded(number, digits: precision)) }
                return precision >= 0 ? .int(i) : .int(try roundedInteger(i, -precision))
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
            if size < base { return .string("\(Int(exactly: size.rounded(.towardZero)) ?? 0) Bytes") }
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
    private static func whole(_ value: Double) throws -> TemplateValue? {
        guard value.isFinite else { return nil }
        guard let integer = Int(exactly: value.rounded(.towardZero)) else { throw TemplateValue.tooLarge }
        return .int(integer)
    }

    /// To a multiple of a power of ten, halves to the even one.
    private static func roundedInteger(_ value: Int, _ zeros: Int) throws -> Int {
        guard zeros < 19 else { return 0 }
        var power = 1
        for _ in 0..<zeros { power *= 10 }
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: power)
        let twice = remainder.magnitude.multipliedReportingOverflow(by: 2)
        let half = UInt(power)
        let goesAway = twice.overflow || twice.partialValue > half || (twice.partialValue == half && quotient & 1 != 0)
        let (result, overflow) = (quotient + (goesAway ? (value < 0 ? -1 : 1) : 0)).multipliedReportingOverflow(by: power)
        if overflow { throw TemplateValue.tooLarge }
        return result
    }
}
