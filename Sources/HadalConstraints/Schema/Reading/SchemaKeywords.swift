import HadalCore

/// The members of one schema, read with their types checked.
struct SchemaKeywords {
    let source: SchemaSource
    let node: SchemaSource.ID
    let object: JSONObject

    init(source: SchemaSource, node: SchemaSource.ID, object: JSONObject) {
        self.source = source
        self.node = node
        self.object = object
    }

    subscript(key: String) -> JSON? { object[key] }

    func malformed(_ key: String, _ what: String) -> HadalError {
        source.error(.malformed, "must be \(what), not \(object[key]?.kindName ?? "absent")", at: node, key: key)
    }

    func unsupported(_ key: String, _ message: String) -> HadalError { source.error(.unsupported, message, at: node, key: key) }

    func string(_ key: String) throws -> String? {
        guard let json = object[key] else { return nil }
        guard let string = json.string else { throw malformed(key, "a string") }
        return string
    }

    func count(_ key: String) throws -> Int? {
        guard let json = object[key] else { return nil }
        // Beyond any text, but a number all the same.
        if case .bigInteger(let value) = json.value, !(value < BigInteger(0)) { return 1 << 40 }
        guard let value = json.int, value >= 0 else { throw malformed(key, "a non-negative integer") }
        return min(value, 1 << 40)
    }

    func number(_ key: String) throws -> DecimalNumber? {
        guard let json = object[key] else { return nil }
        guard let number = DecimalNumber(json) else { throw malformed(key, "a number") }
        return number
    }

    func strings(_ key: String) throws -> [String]? {
        guard let json = object[key] else { return nil }
        return try strings(json, key)
    }

    func strings(_ json: JSON, _ key: String) throws -> [String] {
        guard let items = json.array else { throw malformed(key, "an array of strings") }
        return try items.map { item in
            guard let string = item.string else { throw malformed(key, "an array of strings") }
            return string
        }
    }

    func isSchema(_ json: JSON) -> Bool { json.object != nil || json.bool != nil }

    func schema(_ key: String) throws -> SchemaSource.ID? {
        guard let json = object[key] else { return nil }
        guard isSchema(json) else { throw malformed(key, "a schema") }
        return source.child(node, key, json: json)
    }

    func schemas(_ key: String) throws -> [SchemaSource.ID]? {
        guard let json = object[key] else { return nil }
        guard let items = json.array else { throw malformed(key, "an array of schemas") }
        return try items.enumerated().map { index, item in
            guard isSchema(item) else { throw malformed(key, "an array of schemas") }
            return source.child(node, key, String(index), json: item)
        }
    }

    /// Schemas by name, in the document's order.
    func namedSchemas(_ key: String) throws -> [(name: String, node: SchemaSource.ID)]? {
        guard let json = object[key] else { return nil }
        guard let members = json.object?.members else { throw malformed(key, "an object of schemas") }
        return try members.map { member in
            guard isSchema(member.value) else { throw malformed(key, "an object of schemas") }
            return (member.key, source.child(node, key, member.key, json: member.value))
        }
    }
}
