import HadalCore

/// A key of config.json, or of GGUF metadata, that changes results: a description that does not read it says so of its value.
struct WatchedKey: Sendable {
    /// A dotted path into config.json, or a metadata key with `{arch}`.
    var key: String
    /// Values that change nothing; null is always one. A list is, when all its entries are.
    var neutral: [ExpressionValue]
    /// False: the value changes nothing here.
    var when: Formula?

    init(_ member: JSONObject.Member, in document: JSONDocument) throws {
        key = member.key
        var json = member.value
        if member.value.object != nil {
            var fields = try JSONFields(member.value, in: document, what: "watched key '\(member.key)'")
            json = fields.optional("neutral") ?? JSON(.array([]), offset: member.value.offset)
            when = try fields.optional("when").map { try Formula($0, in: document) }
            try fields.finish()
        }
        neutral = try (json.array ?? [json]).map { item in
            guard let value = ExpressionValue(item), value.array == nil else {
                throw HadalError(.malformed, "watched key '\(member.key)': neutral values are scalars", at: document.place(of: item))
            }
            return value
        }
    }

    func isNeutral(_ value: ExpressionValue) -> Bool {
        if value.isNull { return true }
        if let items = value.array { return items.allSatisfy(isNeutral) }
        return neutral.contains { $0 == value || ($0.double != nil && $0.double == value.double) }
    }

    /// The keys of one format: an object under `watch`.
    static func list(_ json: JSON?, in document: JSONDocument, what: String) throws -> [WatchedKey] {
        guard let json, !json.isNull else { return [] }
        guard let object = json.object else {
            throw HadalError(.malformed, "'\(what)' is an object of keys and the values that change nothing", at: document.place(of: json))
        }
        return try object.members.map { try WatchedKey($0, in: document) }
    }
}
