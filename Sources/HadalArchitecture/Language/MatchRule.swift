import HadalCore

/// Conditions on a model's own description of itself; all that apply to its format must hold.
struct MatchRule: Sendable {
    struct Condition: Sendable {
        /// `config.` and a dotted path, or a GGUF metadata key.
        var key: String
        var values: [ExpressionValue]
        /// A number that is at least this matches too.
        var minimum: Double?
    }

    var conditions: [Condition]
    var place: SourcePlace

    init(_ json: JSON, in document: JSONDocument) throws {
        place = document.place(of: json)
        let fields = try JSONFields(json, in: document, what: "match rule")
        conditions = try fields.object.members.map { member in
            if member.value.object != nil {
                var bounds = try JSONFields(member.value, in: document, what: "condition '\(member.key)'")
                let minimum = try bounds.required("minimum")
                guard let number = minimum.double else { throw bounds.fail("'minimum' is a number", at: minimum) }
                try bounds.finish()
                return Condition(key: member.key, values: [], minimum: number)
            }
            let values = (member.value.array ?? [member.value]).map { ExpressionValue($0) }
            let scalars = values.compactMap { $0 }.filter { $0.array == nil }
            guard !scalars.isEmpty, scalars.count == values.count else {
                throw fields.fail("'\(member.key)' is matched with a value or a list of values", at: member.value)
            }
            return Condition(key: member.key, values: scalars)
        }
        guard !conditions.isEmpty else { throw fields.fail("an empty rule would match everything") }
    }

    /// The conditions that held, as text; nil when one of them did not hold or none applies.
    func reasons(_ source: some ModelSource) -> [String]? {
        var held: [String] = []
        for condition in conditions {
            let found: ExpressionValue?
            if condition.key.hasPrefix("config.") {
                guard source.format == .safetensors else { continue }
                let path = condition.key.dropFirst("config.".count)
                found = ConfigLookup.value(String(path), in: source.configuration?.root).flatMap { ExpressionValue($0) }
            } else {
                guard source.format == .gguf else { continue }
                found = source.metadataValue(condition.key)
            }
            // A list matches by any of its entries, as `architectures` in config.json is meant.
            let candidates = found.map { $0.array ?? [$0] } ?? []
            func fits(_ value: ExpressionValue) -> Bool { condition.minimum.map { (value.double ?? -.infinity) >= $0 } ?? false }
            guard let hit = condition.values.first(where: { candidates.contains($0) }) ?? candidates.first(where: fits) else { return nil }
            held.append("\(condition.key) is \(MatchRule.text(hit))")
        }
        return held.isEmpty ? nil : held
    }

    static func text(_ value: ExpressionValue) -> String { value.string.map { "\"\($0)\"" } ?? "\(value)" }
}
