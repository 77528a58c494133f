import HadalCore

/// What a parameter's value may be: the same for files, defaults and derivations.
extension ParameterSpec {
    /// The kinds that one entry may be of; nil: any scalar, or a list of them.
    var kinds: ValueType.Kinds? {
        guard kind == .any else { return kind.valueKinds }
        return alternatives.isEmpty ? nil : alternatives.reduce(into: []) { $0.formUnion($1.valueKinds) }
    }

    /// "an integer", "true or false or a string".
    var wantedEntry: String { alternatives.isEmpty ? kind.phrase : alternatives.map(\.phrase).joined(separator: " or ") }

    var wanted: String { isList ? "a list, each \(wantedEntry)" : wantedEntry }

    func mismatch(_ wanted: String, _ value: ExpressionValue, _ origin: String, _ place: SourcePlace) -> HadalError {
        HadalError(.mismatch, "parameter \(name) (\(origin)) must be \(wanted), not \(value)", at: place)
    }

    /// One entry as it came, translated by `map` and checked.
    ///
    /// - Parameters:
    ///   - origin: where it came from, for messages.
    ///   - family: what the description is called.
    func checked(_ given: ExpressionValue, origin: String, place: SourcePlace, family: String) throws -> ExpressionValue {
        var value = given
        if !map.isEmpty, case .string(let text) = value {
            guard let entry = map.first(where: { $0.from == text }) else {
                // Another value, however alike its name, would be another function.
                throw HadalError(
                    .unsupported, "\(origin) is '\(text)', which \(family) does not know", at: place,
                    hint: "known: \(map.map(\.from).sorted().joined(separator: ", "))")
            }
            value = entry.to
        }
        let legal = alternatives.isEmpty ? [kind] : alternatives
        guard let fitting = legal.lazy.compactMap({ $0.converted(value) }).first else { throw mismatch(wantedEntry, value, origin, place) }
        value = fitting
        if let d = value.double {
            if let minimum, d < minimum { throw mismatch("at least \(Self.short(minimum))", value, origin, place) }
            if let maximum, d > maximum { throw mismatch("at most \(Self.short(maximum))", value, origin, place) }
        }
        if !choices.isEmpty, !choices.contains(where: { $0.isEqual(to: value) }) {
            throw mismatch("one of \(choices.map(\.description).joined(separator: ", "))", value, origin, place)
        }
        return value
    }

    private static func short(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }
}

extension ParameterSpec.Kind {
    var valueKinds: ValueType.Kinds {
        switch self {
        case .int, .float: .number
        case .bool: .bool
        case .string: .string
        case .any: [.bool, .number, .string]
        }
    }

    var phrase: String {
        switch self {
        case .int: "an integer"
        case .float: "a number"
        case .bool: "true or false"
        case .string: "a string"
        case .any: "a scalar"
        }
    }

    /// The value as one of this kind; nil when it is none.
    func converted(_ value: ExpressionValue) -> ExpressionValue? {
        switch self {
        case .int: return value.int.map { .int($0) }
        case .float:
            guard let d = value.double, d.isFinite else { return nil }
            return .float(d)
        case .bool: return value.bool == nil ? nil : value
        case .string: return value.string == nil ? nil : value
        case .any:
            if case .float(let d) = value, !d.isFinite { return nil }
            return value.array == nil ? value : nil
        }
    }
}
