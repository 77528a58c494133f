import HadalCore

/// A way in which models write tool calls, as the list of chat forms describes it.
public struct ToolCallFormat: Sendable {
    struct ParameterForm: Sendable {
        var pattern: ToolCallPattern
        /// The value stands on lines of its own.
        var trims: Bool
    }

    /// Where a call written as a JSON object has its parts: the first key of each that is there.
    struct CallKeys: Sendable {
        var name: [String] = []
        var arguments: [String] = []
        var id: [String] = []
    }

    public let name: String
    /// What a call looks like; the first pattern that fits counts.
    let calls: [ToolCallPattern]
    let parameters: [ParameterForm]
    /// Texts that may stand around a group of calls.
    let begin: [[UInt8]]
    let end: [[UInt8]]
    /// How the id of a call is put together, when its parts are written.
    let id: String?
    /// An answer may be nothing but the JSON object of a call.
    let isBare: Bool
    /// A call ends reasoning that was not closed.
    let endsReasoning: Bool
    let keys: CallKeys

    /// All texts that a stream must show for calls to be found.
    var literals: [String] {
        (calls + parameters.map(\.pattern)).flatMap(\.literals) + (begin + end).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What makes a stream look closer.
    var triggers: [[UInt8]] { calls.map(\.trigger) + begin }

    /// Whether the beginning of a JSON value may become a call: as far as its first key tells.
    func mayHoldCall(_ value: ArraySlice<UInt8>) -> Bool {
        var rest = value
        func skipSpace() { while let byte = rest.first, ToolCallMatcher.isSpace(byte) { rest.removeFirst() } }
        if rest.first == UInt8(ascii: "[") {
            rest.removeFirst()
            skipSpace()
        }
        guard let brace = rest.first else { return true }
        guard brace == UInt8(ascii: "{") else { return false }
        rest.removeFirst()
        skipSpace()
        guard let quote = rest.first else { return true }
        guard quote == UInt8(ascii: "\"") else { return quote == UInt8(ascii: "}") }
        rest.removeFirst()
        return (keys.name + keys.arguments + keys.id + ["type"]).contains { key in
            let wanted = Array(key.utf8) + [UInt8(ascii: "\"")]
            return rest.starts(with: wanted) || wanted.starts(with: rest)
        }
    }

    init(_ json: JSON, keys: CallKeys, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "tool call form")
        name = try fields.string("name")
        func pattern(_ text: String, at json: JSON) throws -> ToolCallPattern {
            do { return try ToolCallPattern(text) } catch { throw fields.fail("\(error.text) in \"\(text)\"", at: json) }
        }
        calls = try fields.array("calls").map { item in
            guard let text = item.string else { throw fields.fail("a call is a pattern", at: item) }
            return try pattern(text, at: item)
        }
        parameters = try (fields.optionalArray("parameters") ?? []).map { item in
            guard let text = item["pattern"]?.string else { throw fields.fail("a parameter needs a pattern", at: item) }
            let form = try pattern(text, at: item)
            for element in form.elements where element == .parameters || element == .calls || element == .arguments {
                throw fields.fail("a parameter holds no calls or arguments", at: item)
            }
            return ParameterForm(pattern: form, trims: item["trim"]?.bool ?? false)
        }
        begin = try fields.strings("begin").map { Array($0.utf8) }
        end = try fields.strings("end").map { Array($0.utf8) }
        id = try fields.optionalString("id")
        isBare = try fields.optionalBool("bare") ?? false
        endsReasoning = try fields.optionalBool("ends_reasoning") ?? false
        self.keys = keys
        // Read by the rule that finds the form in a model.
        _ = fields.optional("templates")
        _ = fields.optional("tokens")
        try fields.finish()
        guard !(begin + end).contains([]) else { throw fields.fail("a text to look for must not be empty") }
    }
}

extension ToolCallFormat {
    /// The calls that a match of one of `calls` found; nil when they make no sense.
    ///
    /// - Parameter offered: what was offered, for the types of values and for answers that are bare objects.
    func calls(_ match: ToolCallMatcher, isBare: Bool, offered: OfferedTools) -> [(name: String, id: String?, arguments: String)]? {
        func captured(_ capture: ToolCallPattern.Capture) -> String? {
            match.captures[capture].map { String(decoding: $0, as: UTF8.self) }
        }
        guard let name = captured(.name) else {
            guard let json = match.json, let value = Self.parse(json) else { return nil }
            let items = value.array ?? [value]
            var found: [(String, String?, String)] = []
            for item in items {
                guard let call = call(item, needsArguments: isBare) else { return nil }
                if isBare, !offered.names.contains(ExactString(call.name)) { return nil }
                found.append(call)
            }
            return found.isEmpty ? nil : found
        }
        var id = captured(.id)
        if let form = self.id, let index = captured(.index) {
            id = Self.replacing("{index}", index, in: Self.replacing("{name}", name, in: form))
        }
        if let json = match.json {
            return Self.argumentText(json).map { [(name, id, $0)] }
        }
        var arguments = JSONObject()
        for parameter in match.parameters {
            guard let value = offered.value(parameter, of: name) else { return nil }
            arguments[parameter.key] = value
        }
        return [(name, id, JSON(.object(arguments)).text())]
    }

    /// A call written as one JSON object, its parts at the top or under `function`.
    private func call(_ json: JSON, needsArguments: Bool) -> (name: String, id: String?, arguments: String)? {
        guard let object = json.object else { return nil }
        func first(_ keys: [String]) -> JSON? { keys.lazy.compactMap { object[$0] }.first { !$0.isNull } }
        guard let named = first(keys.name) else { return nil }
        let id = first(keys.id)?.string
        if named.object != nil, let inner = call(named, needsArguments: needsArguments) { return (inner.name, inner.id ?? id, inner.arguments) }
        guard let name = named.string, !name.isEmpty else { return nil }
        guard let arguments = first(keys.arguments) else { return needsArguments ? nil : (name, id, "{}") }
        if arguments.object != nil { return (name, id, arguments.text()) }
        guard let text = arguments.string.flatMap({ Self.argumentText(Array($0.utf8)[...]) }) else { return nil }
        return (name, id, text)
    }

    /// The text of an object of arguments, written as such or as a string that holds it; nil when it is neither.
    private static func argumentText(_ bytes: ArraySlice<UInt8>) -> String? {
        guard let value = parse(bytes) else { return nil }
        if value.object != nil { return String(decoding: bytes, as: UTF8.self) }
        guard let inner = value.string, parse(Array(inner.utf8)[...])?.object != nil else { return nil }
        return inner
    }

    private static func parse(_ bytes: ArraySlice<UInt8>) -> JSON? {
        try? JSONDocument(parsing: String(decoding: bytes, as: UTF8.self), file: "tool call").root
    }

    private static func replacing(_ part: String, _ with: String, in text: String) -> String {
        guard let at = TextSearch.first(of: part, in: text) else { return text }
        let bytes = Array(text.utf8)
        return String(decoding: bytes[..<at] + Array(with.utf8) + bytes[(at + part.utf8.count)...], as: UTF8.self)
    }
}
