/// What an expression evaluates to.
package enum ExpressionValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case array([ExpressionValue])

    /// The value of a JSON scalar or array; nil for objects.
    package init?(_ json: JSON) {
        switch json.value {
        case .null: self = .null
        case .bool(let b): self = .bool(b)
        case .int(let i): self = .int(Int(i))
        case .bigInteger(let i): self = .float(i.double)
        case .double(let d): self = .float(d)
        case .string(let s): self = .string(s)
        case .array(let items):
            var values: [ExpressionValue] = []
            values.reserveCapacity(items.count)
            for item in items {
                guard let value = ExpressionValue(item) else { return nil }
                values.append(value)
            }
            self = .array(values)
        case .object: return nil
        }
    }

    /// The value as JSON.
    package var json: JSON {
        switch self {
        case .null: .null
        case .bool(let b): JSON(.bool(b))
        case .int(let i): JSON(.int(Int64(i)))
        case .float(let d): JSON(.double(d))
        case .string(let s): JSON(.string(s))
        case .array(let a): JSON(.array(a.map(\.json)))
        }
    }

    package var double: Double? {
        switch self {
        case .int(let i): Double(i)
        case .float(let d): d
        default: nil
        }
    }

    /// The value as an integer: a float counts when it is whole.
    package var int: Int? {
        switch self {
        case .int(let i): i
        case .float(let d): Int(exactly: d)
        default: nil
        }
    }

    package var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
    package var string: String? { if case .string(let s) = self { s } else { nil } }
    package var array: [ExpressionValue]? { if case .array(let a) = self { a } else { nil } }
    package var isNull: Bool { self == .null }

    /// Equality as `==` of expressions has it: numbers by their value, whatever their kind, lists entry by entry.
    package func isEqual(to other: ExpressionValue) -> Bool {
        if let x = double, let y = other.double { return x == y }
        if let a = array, let b = other.array { return a.count == b.count && zip(a, b).allSatisfy { $0.isEqual(to: $1) } }
        return self == other
    }

    package var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .float: "a number"
        case .string: "a string"
        case .array: "an array"
        }
    }
}

extension ExpressionValue: CustomStringConvertible {
    package var description: String {
        switch self {
        case .null: "null"
        case .bool(let b): "\(b)"
        case .int(let i): "\(i)"
        case .float(let d): "\(d)"
        case .string(let s): "'\(s)'"
        case .array(let a): "[" + a.map(\.description).joined(separator: ", ") + "]"
        }
    }
}
