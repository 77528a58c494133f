import HadalCore

/// The value of an option that a file or a variable gives.
struct Setting: Sendable {
    let entry: OptionTable.Entry
    /// Of a flag that is off: empty.
    let values: [String]
    let place: SourcePlace

    /// The option with its value as arguments.
    var arguments: [String] {
        guard let name = entry.names.first(where: { $0.hasPrefix("--") }) else { return values }
        return entry.kind == .flag ? values.map { _ in name } : values.map { "\(name)=\($0)" }
    }

    /// A member of a file of settings.
    ///
    /// - Throws: `malformed` with line and column for a value of another kind than the option's.
    init(_ value: JSON, of entry: OptionTable.Entry, in document: JSONDocument) throws {
        (self.entry, place) = (entry, document.place(of: value))
        func fail(_ kind: String, _ found: JSON) -> HadalError {
            HadalError(.malformed, "'\(entry.key)' must be \(kind), not \(found.kindName)", at: document.place(of: found))
        }
        func text(_ value: JSON, _ kind: String) throws -> String {
            if let text = value.string { return text }
            guard value.double != nil else { throw fail(kind, value) }
            return value.text()
        }
        switch entry.kind {
        case .flag:
            guard let isOn = value.bool else { throw fail("true or false", value) }
            values = isOn ? ["true"] : []
        case .option: values = [try text(value, "a string or a number")]
        case .list:
            guard let list = value.array else { throw fail("an array of strings", value) }
            values = try list.map { try text($0, "an array of strings") }
        }
    }

    /// A variable. The values of a list are separated by commas.
    ///
    /// - Throws: `malformed` for the variable of a flag that is neither on nor off.
    init(_ text: String, of entry: OptionTable.Entry, variable: String) throws {
        (self.entry, place) = (entry, SourcePlace(variable))
        switch entry.kind {
        case .flag:
            switch text.lowercased() {
            case "1", "true", "yes", "on": values = ["true"]
            case "0", "false", "no", "off": values = []
            default: throw HadalError(.malformed, "must be true or false, not '\(text)'", at: place)
            }
        case .option: values = [text]
        case .list: values = text.split(separator: ",").map { String($0) }
        }
    }
}
