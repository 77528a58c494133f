/// Reads the members of one JSON object, remembers which were asked for, and refuses the rest.
///
/// Every error names file, line and column. Call `finish()` last: it throws for a key that nobody read.
package struct JSONFields {
    package let document: JSONDocument
    package let json: JSON
    package let object: JSONObject
    /// What the object is, for messages: "op contract", "weight 'q_proj'".
    package let what: String
    private var known: [String] = []

    package init(_ json: JSON, in document: JSONDocument, what: String) throws {
        guard let object = json.object else {
            throw HadalError(.malformed, "\(what) must be an object, not \(json.kindName)", at: document.place(of: json))
        }
        self.document = document
        self.json = json
        self.object = object
        self.what = what
    }

    package func fail(_ message: String, at json: JSON? = nil, code: HadalError.Code = .malformed) -> HadalError {
        HadalError(code, "\(what): \(message)", at: document.place(of: json ?? self.json))
    }

    /// The member, or nil when absent. Marks the key as known.
    package mutating func optional(_ key: String) -> JSON? {
        known.append(key)
        return object[key]
    }

    package mutating func required(_ key: String) throws -> JSON {
        if let value = optional(key) { return value }
        throw HadalError(
            .malformed, "\(what): key '\(key)' is missing", at: document.place(of: json),
            hint: object.members.isEmpty ? nil : "its keys: \(object.members.map(\.key).joined(separator: ", "))")
    }

    private func typed<T>(_ key: String, _ json: JSON, _ kind: String, _ get: (JSON) -> T?) throws -> T {
        guard let value = get(json) else { throw fail("'\(key)' must be \(kind), not \(json.kindName)", at: json) }
        return value
    }

    package mutating func string(_ key: String) throws -> String { try typed(key, required(key), "a string", \.string) }
    package mutating func int(_ key: String) throws -> Int { try typed(key, required(key), "an integer", \.int) }
    package mutating func array(_ key: String) throws -> [JSON] { try typed(key, required(key), "an array", \.array) }
    package mutating func optionalString(_ key: String) throws -> String? {
        try optional(key).map { try typed(key, $0, "a string", \.string) }
    }
    package mutating func optionalInt(_ key: String) throws -> Int? { try optional(key).map { try typed(key, $0, "an integer", \.int) } }
    package mutating func optionalDouble(_ key: String) throws -> Double? {
        try optional(key).map { try typed(key, $0, "a number", \.double) }
    }
    package mutating func optionalBool(_ key: String) throws -> Bool? {
        try optional(key).map { try typed(key, $0, "true or false", \.bool) }
    }
    package mutating func optionalArray(_ key: String) throws -> [JSON]? {
        try optional(key).map { try typed(key, $0, "an array", \.array) }
    }
    package mutating func optionalObject(_ key: String) throws -> JSONObject? {
        try optional(key).map { try typed(key, $0, "an object", \.object) }
    }

    /// Throws for the first key that was never asked for, with the keys that are known.
    package func finish() throws {
        for member in object.members where !known.contains(member.key) {
            throw HadalError(
                .malformed, "\(what): unknown key '\(member.key)'", at: document.place(at: member.keyOffset),
                hint: "known keys: \(known.sorted().joined(separator: ", "))")
        }
    }
}
