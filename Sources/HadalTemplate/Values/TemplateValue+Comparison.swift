import HadalCore

/// Python's `==`, `<` and `in`.
extension TemplateValue {
    func equals(_ other: TemplateValue) throws -> Bool {
        switch (self, other) {
        case (.string(let a), .string(let b)), (.string(let a), .markup(let b)), (.markup(let a), .string(let b)),
            (.markup(let a), .markup(let b)):
            return PythonText.equal(a, b)
        case (.undefined, .undefined), (.null, .null): return true
        case (.list(let a), .list(let b)): return try a === b || TemplateValue.equal(a.items, b.items)
        case (.dict(let a), .dict(let b)):
            if a === b { return true }
            guard a.count == b.count else { return false }
            for (key, value) in zip(a.keys, a.values) {
                guard let twin = try b.get(key), try value.equals(twin) else { return false }
            }
            return true
        case (.object(let a), .object(let b)) where !(a is TemplateGroup) && !(b is TemplateGroup): return try a.equals(b)
        default: break
        }
        if let a = tupleItems, let b = other.tupleItems { return try TemplateValue.equal(a, b) }
        if let order = TemplateValue.numericOrder(self, other) { return order == .equal }
        return false
    }

    private static func equal(_ a: [TemplateValue], _ b: [TemplateValue]) throws -> Bool {
        guard a.count == b.count else { return false }
        for (x, y) in zip(a, b) where try !x.equals(y) { return false }
        return true
    }

    enum Order {
        case less, equal, greater, unordered

        var reversed: Order { self == .less ? .greater : self == .greater ? .less : self }
    }

    /// nil where one of the two is not a number.
    static func numericOrder(_ a: TemplateValue, _ b: TemplateValue) -> Order? {
        if let x = a.index, let y = b.index { return x < y ? .less : x == y ? .equal : .greater }
        guard let x = a.number, let y = b.number else { return nil }
        // A float is compared with the integer itself, not with the float next to it.
        if let whole = a.integer { return order(whole, b) }
        if let whole = b.integer { return order(whole, a).reversed }
        return x < y ? .less : x == y ? .equal : x > y ? .greater : .unordered
    }

    private static func order(_ x: BigInteger, _ other: TemplateValue) -> Order {
        if let y = other.integer { return x < y ? .less : x == y ? .equal : .greater }
        guard let y = other.number, !y.isNaN else { return .unordered }
        guard y.isFinite, let floor = BigInteger(exactly: y.rounded(.down)) else { return y < 0 ? .greater : .less }
        return x > floor ? .greater : x < floor || y != y.rounded(.down) ? .less : .equal
    }

    /// A bool, int or float as a float; an infinity for an integer beyond all floats.
    var number: Double? {
        switch self {
        case .float(let d): d
        case .int(let i): Double(i)
        case .bigInteger(let i): i.double
        case .bool(let b): b ? 1 : 0
        default: nil
        }
    }

    /// - Throws: For types that Python does not order.
    static func order(_ a: TemplateValue, _ b: TemplateValue, _ sign: String = "<") throws -> Order {
        if let order = numericOrder(a, b) { return order }
        if let x = a.text, let y = b.text { return PythonText.equal(x, y) ? .equal : PythonText.less(x, y) ? .less : .greater }
        if case .undefined(let why) = a { throw why.error }
        if case .undefined(let why) = b { throw why.error }
        var pair: ([TemplateValue], [TemplateValue])?
        if case .list(let x) = a, case .list(let y) = b { pair = (x.items, y.items) }
        if let x = a.tupleItems, let y = b.tupleItems { pair = (x, y) }
        guard let (x, y) = pair else {
            throw TemplateError.type("'\(sign)' not supported between instances of '\(a.typeName)' and '\(b.typeName)'")
        }
        for (p, q) in zip(x, y) where try !p.equals(q) { return try order(p, q, sign) }
        return x.count < y.count ? .less : x.count == y.count ? .equal : .greater
    }

    /// `value in self`
    func contains(_ value: TemplateValue, _ run: TemplateRun) throws -> Bool {
        switch self {
        case .string(let s), .markup(let s):
            guard let part = value.text else {
                throw TemplateError.type("'in <string>' requires string as left operand, not \(value.typeName)")
            }
            try run.charge(bytes: s.utf8.count)
            return part.isEmpty || TextSearch.first(of: part, in: s) != nil
        case .list(let list), .tuple(let list):
            try run.charge(list.items.count)
            for item in list.items where try item.equals(value) { return true }
            return false
        case .dict(let dictionary): return try dictionary.get(value) != nil
        default:
            if case .object(let object) = self, let answer = try object.contains(value) { return answer }
            guard isIterable else { throw TemplateError.type("argument of type '\(typeName)' is not iterable") }
            var iterator = try iterate(run)
            while let item = try iterator.next() { if try item.equals(value) { return true } }
            return false
        }
    }

    /// Python's `is`, for the values that can be told apart.
    func isSame(as other: TemplateValue) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.bigInteger(let a), .bigInteger(let b)): a == b
        case (.string(let a), .string(let b)): PythonText.equal(a, b)
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): a === b
        case (.dict(let a), .dict(let b)): a === b
        case (.object(let a), .object(let b)): a === b
        case (.undefined(let a), .undefined(let b)): a === b
        default: false
        }
    }
}
