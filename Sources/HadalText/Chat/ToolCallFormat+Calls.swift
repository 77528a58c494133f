import HadalCore

/// A call as a model wrote it.
struct FoundCall: Sendable, Equatable {
    var name: String
    /// nil: the form has none, or it was left out.
    var id: String?
    /// The text of a JSON object.
    var arguments: String
}

extension ToolCallFormat {
    /// The calls that a match of one of the patterns found; nil when they make no sense.
    ///
    /// - Parameter isBare: nothing but its place marks the call, which therefore has to be whole and of a tool that was offered.
    func calls(_ match: ToolCallMatcher, isBare: Bool) -> [FoundCall]? {
        func captured(_ capture: ToolCallPattern.Capture) -> String? {
            match.captures[capture].map { String(decoding: $0, as: UTF8.self) }
        }
        var found: [FoundCall] = match.calls.map { FoundCall(name: $0.name, arguments: JSON(.object($0.arguments)).text()) }
        if let name = captured(.name) {
            guard let arguments = arguments(match, of: name) else { return nil }
            var id = captured(.id)
            if let form = self.id, let index = captured(.index) {
                id = Self.replacing("{index}", index, in: Self.replacing("{name}", name, in: form))
            }
            found.append(FoundCall(name: name, id: id, arguments: arguments))
        } else if !match.json.isEmpty {
            for json in match.json {
                guard let value = Self.parse(json), let calls = calls(value, isNamed: match.isNamed, needsArguments: isBare) else {
                    return nil
                }
                found += calls
            }
        }
        if isBare, !found.allSatisfy({ match.offered.names.contains(ExactString($0.name)) }) { return nil }
        return found.isEmpty ? nil : found
    }

    /// The arguments of a call whose name stands apart from them.
    private func arguments(_ match: ToolCallMatcher, of name: String) -> String? {
        if let json = match.json.first { return Self.argumentText(json) }
        if let object = match.object { return JSON(.object(object)).text() }
        var arguments = JSONObject()
        for parameter in match.parameters {
            guard let value = match.offered.value(parameter, of: name) else { return nil }
            arguments[parameter.key] = value
        }
        for element in match.elements {
            arguments[element.name] = match.offered.value(element.content, as: match.offered.schema(of: element.name, in: name))
        }
        return JSON(.object(arguments)).text()
    }

    /// Calls written as JSON: an object, an array of them, or either under a key for them.
    private func calls(_ json: JSON, isNamed: Bool, needsArguments: Bool) -> [FoundCall]? {
        if let items = json.array {
            var found: [FoundCall] = []
            for item in items {
                guard let calls = calls(item, isNamed: isNamed, needsArguments: needsArguments) else { return nil }
                found += calls
            }
            return found
        }
        guard let object = json.object else { return nil }
        if isNamed {
            guard object.count == 1, let member = object.members.first, !member.key.isEmpty else { return nil }
            return ToolCall.argumentText(member.value).map { [FoundCall(name: member.key, arguments: $0)] }
        }
        if let list = keys.list.lazy.compactMap({ object[$0] }).first, list.array != nil || list.object != nil {
            return calls(list, isNamed: false, needsArguments: needsArguments)
        }
        return call(object, needsArguments: needsArguments).map { [$0] }
    }

    /// A call written as one JSON object, its parts at the top or under `function`.
    private func call(_ object: JSONObject, needsArguments: Bool) -> FoundCall? {
        func first(_ keys: [String]) -> JSON? { keys.lazy.compactMap { object[$0] }.first { !$0.isNull } }
        guard let named = first(keys.name) else { return nil }
        let id = first(keys.id).flatMap { $0.string ?? ($0.int.map { String($0) }) }
        if let inner = named.object, var call = call(inner, needsArguments: needsArguments) {
            call.id = call.id ?? id
            return call
        }
        guard let name = named.string, !name.isEmpty else { return nil }
        guard let given = first(keys.arguments) else {
            // Nothing given is nothing to give, unless the object may be something else altogether.
            let isCall = !needsArguments || keys.arguments.contains { object[$0] != nil } || object.count == 1
            return isCall ? FoundCall(name: name, id: id, arguments: "{}") : nil
        }
        return ToolCall.argumentText(given).map { FoundCall(name: name, id: id, arguments: $0) }
    }

    /// The text of an object of arguments; nil when it is none.
    private static func argumentText(_ bytes: [UInt8]) -> String? {
        guard let value = parse(bytes) else { return nil }
        return value.object != nil ? String(decoding: bytes, as: UTF8.self) : ToolCall.argumentText(value)
    }

    private static func parse(_ bytes: [UInt8]) -> JSON? {
        try? JSONDocument(parsing: String(decoding: bytes, as: UTF8.self), file: "tool call").root
    }

    private static func replacing(_ part: String, _ with: String, in text: String) -> String {
        guard let at = TextSearch.first(of: part, in: text) else { return text }
        let bytes = Array(text.utf8)
        return String(decoding: bytes[..<at] + Array(with.utf8) + bytes[(at + part.utf8.count)...], as: UTF8.self)
    }
}
