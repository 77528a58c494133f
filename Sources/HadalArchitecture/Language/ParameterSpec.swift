import HadalCore

/// Where a parameter's value comes from and what it may be.
struct ParameterSpec: Sendable {
    enum Kind: String, Sendable, CaseIterable { case int, float, bool, string, any }

    var name: String
    var kind: Kind
    /// Kinds of which any will do; `kind` is then `any`. Empty: `kind` says it.
    var alternatives: [Kind] = []
    /// Dotted paths into config.json, tried in order.
    var config: [String]
    /// GGUF metadata keys, tried in order; `{arch}` stands for general.architecture.
    var gguf: [String]
    /// The parameter whose value a GGUF file made from this description holds under the first key; nil: this one.
    var written: String?
    /// An extent of a weight's stored tensor: weight and axis.
    var extent: (weight: String, axis: Int)?
    /// A weight of one element that holds the value.
    var element: String?
    /// For a parameter that no file gives: derived.
    var value: Formula?
    /// When config.json says null; without it null counts as absent.
    var null: Formula?
    /// When no source has it.
    var fallback: Formula?
    /// The number of entries of an array parameter.
    var per: Formula?
    var index: String
    /// Whether the value is an array of any length.
    var isList: Bool
    var minimum: Double?
    var maximum: Double?
    var choices: [ExpressionValue]
    /// Translation of strings.
    var map: [(from: String, to: ExpressionValue)]
    var mapPlace: SourcePlace?
    var help: String
    var place: SourcePlace
}

extension ParameterSpec {
    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        self.name = name
        place = document.place(of: json)
        (kind, config, gguf, index, isList, choices, map, help) = (.any, [], [], "layer", false, [], [], "")
        guard json.object != nil else {
            value = try Formula(json, in: document)
            return
        }
        var fields = try JSONFields(json, in: document, what: "parameter '\(name)'")
        if let several = fields.optional("type"), let items = several.array {
            alternatives = items.compactMap { $0.string.flatMap(Kind.init(rawValue:)) }.filter { $0 != .any }
            guard alternatives.count == items.count, items.count > 1 else {
                throw fields.fail("a list of types has two or more of int, float, bool and string", at: several)
            }
        } else if let type = try fields.optionalString("type") {
            isList = type.hasSuffix("[]")
            guard let kind = Kind(rawValue: isList ? String(type.dropLast(2)) : type) else {
                throw fields.fail("'type' must be int, float, bool, string or any, with [] for a list, not '\(type)'", at: json["type"])
            }
            self.kind = kind
        }
        config = try Self.strings("config", &fields)
        gguf = try Self.strings("gguf", &fields)
        written = try fields.optionalString("written")
        if let of = fields.optional("extent") {
            guard let pair = of.array, pair.count == 2, let weight = pair[0].string, let axis = pair[1].int, axis >= 0, axis < 8 else {
                throw fields.fail("'extent' is [weight, axis]", at: of)
            }
            extent = (weight, axis)
        }
        element = try fields.optionalString("element")
        value = try fields.optional("value").map { try Formula($0, in: document) }
        null = try fields.optional("null").map { try Formula($0, in: document) }
        fallback = try fields.optional("default").map { try Formula($0, in: document) }
        per = try fields.optional("per").map { try Formula($0, in: document) }
        index = try fields.optionalString("index") ?? "layer"
        minimum = try fields.optionalDouble("minimum")
        maximum = try fields.optionalDouble("maximum")
        choices = try (fields.optionalArray("choices") ?? []).map { item in
            guard let value = ExpressionValue(item), value.array == nil else { throw fields.fail("'choices' are scalars", at: item) }
            return value
        }
        mapPlace = json["map"].map { document.place(of: $0) }
        map = try (fields.optionalObject("map")?.members ?? []).map { member in
            guard let value = ExpressionValue(member.value), value.array == nil else {
                throw fields.fail("'map' gives scalars", at: member.value)
            }
            return (member.key, value)
        }
        help = try fields.optionalString("help") ?? ""
        try fields.finish()
        let hasSource = !config.isEmpty || !gguf.isEmpty || extent != nil || element != nil
        if let own = json["value"], hasSource || fallback != nil {
            let others = ["config", "gguf", "extent", "element", "default"].filter { json[$0] != nil }
            let place = document.place(of: own)
            let inherited = others.compactMap { json[$0].map { document.place(of: $0) } }.filter { $0.file != place.file }
            throw HadalError(
                .malformed,
                "\(fields.what): a derived parameter ('value') has no other source and no 'default', and this has \(others.map { "'\($0)'" }.joined(separator: ", "))",
                at: place,
                hint: inherited.isEmpty
                    ? nil : "inherited from \(inherited.map(\.description).joined(separator: " and ")); null removes a member")
        }
        if value == nil, !hasSource, fallback == nil {
            throw fields.fail("needs 'config', 'gguf', 'extent', 'element', 'default' or 'value'")
        }
        if written != nil, gguf.isEmpty { throw fields.fail("'written' needs 'gguf'") }
        if null != nil, config.isEmpty { throw fields.fail("'null' needs 'config'") }
        if per != nil, isList { throw fields.fail("'per' makes a list of its own; write the type of one entry") }
    }

    static func strings(_ key: String, _ fields: inout JSONFields) throws -> [String] {
        guard let json = fields.optional(key) else { return [] }
        return try (json.array ?? [json]).map { item in
            guard let text = item.string, !text.isEmpty else { throw fields.fail("'\(key)' is a string or a list of strings", at: item) }
            return text
        }
    }
}
