import HadalCore

/// A value of a description that is calculated when a model is built: a JSON string is an expression, a number or boolean
/// stands for itself, an array is a list of formulas.
struct Formula: Sendable {
    indirect enum Kind: Sendable {
        case constant(ExpressionValue)
        case expression(Expression)
        case list([Formula])
    }

    let kind: Kind
    let place: SourcePlace

    init(_ json: JSON, in document: JSONDocument) throws {
        place = document.place(of: json)
        switch json.value {
        case .string(let text):
            do { kind = .expression(try Expression(parsing: text)) } catch let error as HadalError { throw error.located(at: place) }
        case .int(let i): kind = .constant(.int(Int(i)))
        case .bigInteger(let i): kind = .constant(.float(i.double))
        case .double(let d): kind = .constant(.float(d))
        case .bool(let b): kind = .constant(.bool(b))
        case .array(let items): kind = .list(try items.map { try Formula($0, in: document) })
        case .null:
            throw HadalError(
                .malformed, "expected an expression, a number or a boolean, not null", at: place,
                hint: "the value null is written as the expression \"null\"; null itself removes what is inherited")
        case .object:
            throw HadalError(.malformed, "expected an expression, a number or a boolean, not \(json.kindName)", at: place)
        }
    }

    /// The formula as written.
    var text: String {
        switch kind {
        case .constant(let value): value.description
        case .expression(let expression): expression.text
        case .list(let items): "[" + items.map(\.text).joined(separator: ", ") + "]"
        }
    }

    /// Every name that the formula mentions.
    var names: Set<String> {
        switch kind {
        case .constant: []
        case .expression(let expression): expression.names
        case .list(let items): items.reduce(into: []) { $0.formUnion($1.names) }
        }
    }

    /// The name, when the formula is nothing but one.
    var bareName: String? { if case .expression(let expression) = kind { expression.bareName } else { nil } }

    func evaluate(_ scope: some NameScope) throws -> ExpressionValue {
        switch kind {
        case .constant(let value): return value
        case .list(let items): return .array(try items.map { try $0.evaluate(scope) })
        case .expression(let expression):
            do { return try expression.evaluate { try scope.value(of: $0) } } catch let error as HadalError {
                throw error.located(at: place)
            }
        }
    }

    func fail(_ message: String, _ code: HadalError.Code = .mismatch, hint: String? = nil) -> HadalError {
        HadalError(code, message, at: place, hint: hint)
    }

    func int(_ scope: some NameScope, _ what: String) throws -> Int {
        let value = try evaluate(scope)
        guard let i = value.int else { throw fail("\(what): \(text) is \(value), not an integer") }
        return i
    }

    /// An integer within `range`.
    func int(_ scope: some NameScope, _ what: String, in range: ClosedRange<Int>) throws -> Int {
        let i = try int(scope, what)
        guard range.contains(i) else {
            throw fail("\(what): \(text) is \(i); it must lie between \(range.lowerBound) and \(range.upperBound)")
        }
        return i
    }

    func double(_ scope: some NameScope, _ what: String) throws -> Double {
        let value = try evaluate(scope)
        guard let d = value.double, d.isFinite else { throw fail("\(what): \(text) is \(value), not a number") }
        return d
    }

    func bool(_ scope: some NameScope, _ what: String) throws -> Bool {
        let value = try evaluate(scope)
        guard let b = value.bool else { throw fail("\(what): \(text) is \(value), not true or false") }
        return b
    }

    /// A name: a bare word means itself, anything else must come to a string. Null means none.
    func name(_ scope: some NameScope, _ what: String) throws -> String? {
        if let bareName { return bareName }
        let value = try evaluate(scope)
        if value.isNull { return nil }
        guard let name = value.string else { throw fail("\(what): \(text) is \(value), not a name") }
        return name
    }
}

/// What the names in a formula stand for.
protocol NameScope {
    /// The value of a name; nil when it is unknown.
    func value(of name: String) throws -> ExpressionValue?
}
