/// Jinja's tests, as in `value is defined`.
enum TemplateTests {
    typealias Test = @Sendable (TemplateValue, CallArguments, TemplateRun) throws -> Bool

    private static func plain(_ test: @escaping @Sendable (TemplateValue) throws -> Bool) -> Test {
        { value, arguments, _ in
            _ = try arguments.bound(to: [], of: "test")
            return try test(value)
        }
    }

    private static func comparing(_ comparison: TemplateExpression.Comparison) -> Test {
        { value, arguments, run in
            let other = try arguments.bound(to: ["other"], required: 1, of: "test")[0] ?? .null
            return try TemplateRun.compare(value, comparison, other, run)
        }
    }

    private static func remainder(_ value: TemplateValue, _ divisor: TemplateValue, _ run: TemplateRun) throws -> TemplateValue {
        try TemplateValue.arithmetic(.modulo, value, divisor, run)
    }

    private static func remaining(_ wanted: Int) -> Test {
        { value, arguments, run in
            _ = try arguments.bound(to: [], of: "test")
            return try remainder(value, .int(2), run).equals(.int(wanted))
        }
    }

    static let table: [String: Test] = [
        "defined": plain { !$0.isUndefined },
        "undefined": plain { $0.isUndefined },
        "none": plain { $0.isNone },
        "boolean": plain { if case .bool = $0 { true } else { false } },
        "true": plain { if case .bool(true) = $0 { true } else { false } },
        "false": plain { if case .bool(false) = $0 { true } else { false } },
        "integer": plain {
            switch $0 {
            case .int, .bigInteger: true
            default: false
            }
        },
        "float": plain { if case .float = $0 { true } else { false } },
        "number": plain { $0.number != nil },
        "string": plain { $0.text != nil },
        "mapping": plain { if case .dict = $0 { true } else { false } },
        "sequence": plain {
            switch $0 {
            case .string, .markup, .list, .tuple, .dict, .undefined: true
            case .object(let object): object.isSequence
            default: false
            }
        },
        "iterable": plain { $0.isIterable },
        "callable": plain {
            // An undefined value has a method to call that fails when it is called.
            switch $0 {
            case .undefined: true
            case .object(let object): object.isCallable
            default: false
            }
        },
        "escaped": plain { $0.isMarkup },
        "odd": remaining(1),
        "even": remaining(0),
        "divisibleby": { value, arguments, run in
            let divisor = try arguments.bound(to: ["num"], required: 1, of: "divisibleby")[0] ?? .null
            return try remainder(value, divisor, run).equals(.int(0))
        },
        "lower": { value, _, run in StringMethods.isLower(try value.printed(run)) },
        "upper": { value, _, run in StringMethods.isUpper(try value.printed(run)) },
        "filter": { value, _, _ in value.text.map { TemplateFilters.table[$0] != nil } ?? false },
        "test": { value, _, _ in value.text.map { isTest($0) } ?? false },
        "sameas": { value, arguments, _ in value.isSame(as: try arguments.bound(to: ["other"], required: 1, of: "sameas")[0] ?? .null) },
        "in": comparing(.contained),
        "==": comparing(.equal), "eq": comparing(.equal), "equalto": comparing(.equal),
        "!=": comparing(.notEqual), "ne": comparing(.notEqual),
        ">": comparing(.greater), "gt": comparing(.greater), "greaterthan": comparing(.greater),
        ">=": comparing(.greaterOrEqual), "ge": comparing(.greaterOrEqual),
        "<": comparing(.less), "lt": comparing(.less), "lessthan": comparing(.less),
        "<=": comparing(.lessOrEqual), "le": comparing(.lessOrEqual),
    ]

    private static func isTest(_ name: String) -> Bool { table[name] != nil }
}
