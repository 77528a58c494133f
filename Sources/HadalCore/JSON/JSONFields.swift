/// Reads the members of one JSON object, remembers which were asked for, and refuses the rest.
///
/// Every error names file, line and column. Call `finish()` last: it throws for a key that nobody read.
public struct JSONFields {
    public let document: JSONDocument
    public let json: JSON
    public let object: JSONObject
    /// What the object is, for messages: "op contract", "weight 'q_proj'".
    public let what: String
    private var known: [String] = []

    public init(_ json: JSON, in document: JSONDocument, what: String) throws {
        guard let object = json.object else {
            throw HadalError(.malformed, "\(what) must be an object, not \(json.kindName)", at: document.place(of: json))
        }
        self.document = document
        self.json = json
        self.object = object
        self.what = what
    }

    public func fail(_ message: String, at json: JSON? = nil, code: HadalError.Code = .malformed) -> HadalError {
        HadalError(code, "\(what): \(message)", at: document.place(of: json ?? self.json))
    }

    /// The member, or nil when absent. Marks the key as known.
    public mutating func optional(_ key: String) -> JSON? {
        known.append(key)
        return object[key]
    }

    public mutating func required(_ key: String) throws -> JSON {
        guard let value = optional(key) else { throw fail("key '\(key)' is missing") }
        return value
    }

    private func typed<T>(_ key: String, _ json: JSON, _ kind: String, _ get: (JSON) -> T?) throws -> T {
        guard let value = get(json) else { throw fail("'\(key)' must be \(kind), not \(json.kindName)", at: json) }
        return value
    }

    public mutating func string(_ key: String) throws -> String { try typed(key, required(key), "a string", \.string) }
    public mutating func int(_ key: String) throws -> Int { try typed(key, required(key), "an integer", \.int) }
    public mutating func array(_ key: String) throws -> [JSON] { try typed(key, required(key), "an array", \.array) }
    public mutating func optionalString(_ key: String) throws -> String? {
        try optional(key).map { try typed(key, $0, "a string", \.string) }
    }
    public mutating func optionalInt(_ key: String) throws -> Int? { try optional(key).map { try typed(key, $0, "an integer", \.int) } }
    public mutating func optionalDouble(_ key: String) throws -> Double? {
        try optional(key).map { try typed(key, $0, "a number", \.double) }
    }
    public mutating func optionalBool(_ key: String) throws -> Bool? {
        try optional(key).map { try typed(key, $0, "true or false", \.bool) }
    }
    public mutating func optionalArray(_ key: String) throws -> [JSON]? {
        try optional(key).map { try typed(key, $0, "an array", \.array) }
    }
    public mutating func optionalObject(_ key: String) throws -> JSONObject? {
        try optional(key).map { try typed(key, $0, "an object", \.object) }
    }

    /// Throws for the first key that was never asked for, with the keys that are known.
    public func finish() throws {
        for member in object.members where !known.contains(member.key) {
            throw HadalError(
                .malformed, "\(what): unknown key '\(member.key)'", at: document.place(at: member.keyOffset),
                hint: "known keys: \(known.sorted().joined(separator: ", "))")
        }
    }
}
