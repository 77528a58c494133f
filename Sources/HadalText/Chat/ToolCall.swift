import Foundation
package import HadalCore

/// A model's request to call one of the tools that were offered to it.
public struct ToolCall: Sendable, Equatable {
    /// Tells the calls of a conversation apart; a tool's result names it. The model's own where its form has one.
    public var id: String
    public var name: String
    /// The arguments: the text of a JSON object.
    public var argumentsJSON: String

    public init(id: String, name: String, argumentsJSON: String) {
        self.id = id
        self.name = name
        self.argumentsJSON = argumentsJSON
    }

    /// The arguments as JSON; an empty object when they are none.
    package var arguments: JSON {
        guard let value = try? JSONDocument(parsing: argumentsJSON, file: "arguments").root, value.object != nil else {
            return JSON(.object(JSONObject()))
        }
        return value
    }

    /// The arguments as a value of the caller's.
    ///
    /// - Throws: `malformed` where the model's arguments do not fit it.
    public func decodeArguments<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        do { return try JSONDecoder().decode(type, from: Data(argumentsJSON.utf8)) } catch {
            throw HadalError(.malformed, "the arguments of \(name) do not fit: \(error)")
        }
    }

    /// The text of the object that arguments are given as: an object, a string that holds one, or what stands for none: null, an empty
    /// string, an empty array. nil for anything else.
    package static func argumentText(_ value: JSON) -> String? {
        if value.object != nil { return value.text() }
        if value.isNull || value.array?.isEmpty == true { return "{}" }
        guard let text = value.string else { return nil }
        if text.utf8.allSatisfy(ToolCallMatcher.isSpace) { return "{}" }
        guard let inner = try? JSONDocument(parsing: text, file: "arguments").root else { return nil }
        return inner.object != nil ? text : inner.isNull ? "{}" : nil
    }

    /// As messages hold it: `{"id", "type": "function", "function": {"name", "arguments"}}`.
    ///
    /// - Parameter argumentsAsText: the arguments are a string that holds JSON, not an object.
    package func json(argumentsAsText: Bool = true) -> JSON {
        let function = JSONObject([
            ("name", JSON(.string(name))), ("arguments", argumentsAsText ? JSON(.string(argumentsJSON)) : arguments),
        ])
        return JSON(
            .object(
                JSONObject([
                    ("id", JSON(.string(id))), ("type", "function"), ("function", JSON(.object(function))),
                ])))
    }

    /// An id for the n-th call of a conversation: nine letters and digits, which every template takes.
    package static func makeID(_ number: Int) -> String {
        let digits = String(max(number, 0))
        return "call" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
