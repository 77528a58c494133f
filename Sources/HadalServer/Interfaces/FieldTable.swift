import HadalCore

/// What an interface does with the fields of a request. The tables of docs/server.md are made of these.
struct FieldTable: Sendable {
    /// Fields that are done as the interface says.
    let honoured: [String]
    /// Fields that change nothing in the answer here, and are named in `Hadal-Ignored-Fields`.
    let harmless: [String]
    /// Fields that would change the answer and cannot be honoured, with what a client may do instead.
    let refused: [(name: String, reason: String)]
}

/// Reads the fields of a request's object by the table of its interface. null counts as absent.
struct FieldReader {
    let document: JSONDocument
    let object: JSONObject
    /// What the object is called within the request: empty for the request itself, else "tools[0]" and the like.
    let path: String
    private(set) var ignored: [String] = []

    init(_ value: JSON, in document: JSONDocument, path: String = "") throws {
        guard let object = value.object else {
            throw APIError.invalid("expected an object, not \(value.kindName)", field: path.isEmpty ? nil : path)
        }
        (self.document, self.object, self.path) = (document, object, path)
    }

    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// Refuses what the table refuses, and notes what is not honoured.
    mutating func check(_ table: FieldTable) throws {
        for member in object.members where !member.value.isNull {
            if let refused = table.refused.first(where: { $0.name == member.key }) {
                if Self.isOff(member.value) { continue }
                throw APIError.invalid("'\(name(member.key))' is not supported: \(refused.reason)", field: name(member.key))
            }
            if !table.honoured.contains(member.key) { ignored.append(name(member.key)) }
        }
    }

    mutating func ignore(_ name: String) { ignored.append(name) }

    /// A value that asks for nothing.
    private static func isOff(_ value: JSON) -> Bool {
        value.bool == false || value.array?.isEmpty == true || value.object?.count == 0 || value.string?.isEmpty == true
    }

    func value(_ key: String) -> JSON? { object[key]?.unlessNull }

    func fail(_ key: String, _ message: String) -> APIError { .invalid(message, field: name(key)) }

    private func typed<Value>(_ key: String, _ kind: String, _ get: (JSON) -> Value?) throws -> Value? {
        guard let value = value(key) else { return nil }
        guard let result = get(value) else { throw fail(key, "must be \(kind), not \(value.kindName)") }
        return result
    }

    func string(_ key: String) throws -> String? { try typed(key, "a string", \.string) }
    func bool(_ key: String) throws -> Bool? { try typed(key, "true or false", \.bool) }
    func array(_ key: String) throws -> [JSON]? { try typed(key, "an array", \.array) }
    func object(_ key: String) throws -> JSONObject? { try typed(key, "an object", \.object) }

    func requiredArray(_ key: String) throws -> [JSON] {
        guard let value = try array(key) else { throw fail(key, "is required") }
        return value
    }

    func requiredString(_ key: String) throws -> String {
        guard let value = try string(key) else { throw fail(key, "is required") }
        return value
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = try typed(key, "an integer", \.int) else { return nil }
        guard range.contains(value) else {
            let limit = range.upperBound == .max ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            throw fail(key, "must be \(limit), not \(value)")
        }
        return value
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let value = try typed(key, "a number", \.double) else { return nil }
        guard value.isFinite, range.contains(value) else {
            throw fail(key, "must be from \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        return value
    }

    /// A string, or an array of strings.
    func strings(_ key: String, most: Int) throws -> [String]? {
        guard let value = value(key) else { return nil }
        if let one = value.string { return [one] }
        guard let list = value.array else { throw fail(key, "must be a string or an array of strings, not \(value.kindName)") }
        guard list.count <= most else { throw fail(key, "must have at most \(most) items, not \(list.count)") }
        return try list.enumerated().map { index, item in
            guard let text = item.string else {
                throw APIError.invalid("must be a string, not \(item.kindName)", field: "\(name(key))[\(index)]")
            }
            return text
        }
    }
}
