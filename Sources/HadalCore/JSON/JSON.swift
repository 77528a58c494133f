/// A JSON value that remembers where it stood in its source.
package struct JSON: Sendable {
    package enum Content: Sendable {
        case null
        case bool(Bool)
        /// A number written without fraction or exponent that fits 64 bits.
        case int(Int64)
        /// A number written without fraction or exponent that does not.
        case bigInteger(BigInteger)
        case double(Double)
        case string(String)
        case array([JSON])
        case object(JSONObject)
    }

    package var value: Content
    /// Byte offset of the value's first character in its source; 0 for values made in memory.
    package var offset: Int

    package init(_ value: Content, offset: Int = 0) {
        self.value = value
        self.offset = offset
    }

    /// A whole number of any size.
    package init(_ integer: BigInteger, offset: Int = 0) {
        self.init(integer.int.map { .int(Int64($0)) } ?? .bigInteger(integer), offset: offset)
    }

    /// A float32 number as it is written with the fewest digits.
    package init(_ number: Float) { self.init(.double(Double("\(number)") ?? Double(number))) }

    package static let null = JSON(.null)
}

extension JSON {
    package var isNull: Bool { if case .null = value { true } else { false } }
    package var bool: Bool? { if case .bool(let b) = value { b } else { nil } }
    package var string: String? { if case .string(let s) = value { s } else { nil } }
    package var array: [JSON]? { if case .array(let a) = value { a } else { nil } }
    package var object: JSONObject? { if case .object(let o) = value { o } else { nil } }
    /// The number as a double, from either spelling.
    package var double: Double? {
        switch value {
        case .int(let i): Double(i)
        case .bigInteger(let i): i.double
        case .double(let d): d
        default: nil
        }
    }
    /// The number as an integer; a double counts when it is whole and exactly representable.
    package var int: Int? {
        switch value {
        case .int(let i): Int(i)
        case .double(let d): Int(exactly: d)
        default: nil
        }
    }
    package var kindName: String {
        switch value {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .bigInteger: "an integer beyond 64 bits"
        case .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
    /// Member of an object, or nil.
    package subscript(key: String) -> JSON? { object?[key] }
}

extension JSON: Equatable {
    /// Values alone are compared, not where they stood.
    // Inlined into comparisons of arrays and objects, this recursion crashes the optimizer of Swift 6.3.1.
    @inline(never)
    package static func == (a: JSON, b: JSON) -> Bool {
        // One case at a time: switching over the pair crashes the optimiser of Swift 6.3.
        switch a.value {
        case .null: return b.isNull
        case .bool(let x): return x == b.bool
        case .string(let x): return b.string.map { ExactString(x) == ExactString($0) } ?? false
        case .array(let x): return b.array.map { x == $0 } ?? false
        case .object(let x): return b.object.map { x == $0 } ?? false
        case .int(let x):
            if case .int(let y) = b.value { return x == y }
            if case .bigInteger = b.value { return false }
            return a.double == b.double
        case .bigInteger(let x):
            if case .bigInteger(let y) = b.value { return x == y }
            if case .int = b.value { return false }
            return a.double == b.double
        case .double(let x): return x == b.double
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self.init(.string(value)) }
    package init(integerLiteral value: Int64) { self.init(.int(value)) }
    package init(booleanLiteral value: Bool) { self.init(.bool(value)) }
    package init(floatLiteral value: Double) { self.init(.double(value)) }
    package init(arrayLiteral elements: JSON...) { self.init(.array(elements)) }
    package init(dictionaryLiteral elements: (String, JSON)...) { self.init(.object(JSONObject(elements))) }
    package init(nilLiteral: ()) { self.init(.null) }
}
