/// The value of a typed option of a backend or device.
public enum OptionValue: Sendable, Equatable {
    case bool(Bool)
    case int(Int64)
    case float(Double)
    case string(String)
}

/// A typed, published option: what `hadal backends --json` lists and `--set backend.name=value` sets.
public struct OptionSpec: Sendable, Equatable {
    public enum Kind: UInt32, Sendable { case bool = 0, int = 1, float = 2, string = 3 }

    public var name: String
    public var kind: Kind
    public var defaultValue: OptionValue
    /// Inclusive bounds of an int or float option.
    public var minimum: Double?
    public var maximum: Double?
    /// Legal values of a string option; empty when any string will do.
    public var choices: [String]
    public var help: String

    public init(
        name: String, kind: Kind, defaultValue: OptionValue, minimum: Double? = nil, maximum: Double? = nil,
        choices: [String] = [], help: String
    ) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices
        self.help = help
    }

    /// Reads a value from its command-line spelling, checking type and range.
    public func parse(_ text: String) throws -> OptionValue {
        func bad(_ wanted: String) -> HadalError {
            HadalError(.invalidArgument, "option \(name) requires \(wanted), not '\(text)'", hint: help)
        }
        func inRange(_ value: Double) throws {
            if let minimum, value < minimum { throw bad("a value of at least \(minimum)") }
            if let maximum, value > maximum { throw bad("a value of at most \(maximum)") }
        }
        switch kind {
        case .bool:
            switch text.lowercased() {
            case "true", "1", "yes", "on": return .bool(true)
            case "false", "0", "no", "off": return .bool(false)
            default: throw bad("true or false")
            }
        case .int:
            guard let value = Int64(text) ?? ByteCount(text).map({ Int64($0.bytes) }) else { throw bad("an integer") }
            try inRange(Double(value))
            return .int(value)
        case .float:
            guard let value = Double(text), value.isFinite else { throw bad("a number") }
            try inRange(value)
            return .float(value)
        case .string:
            guard choices.isEmpty || choices.contains(text) else { throw bad("one of \(choices.joined(separator: ", "))") }
            return .string(text)
        }
    }
}
