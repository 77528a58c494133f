import HadalCore

/// A way in which models write tool calls, as the list of chat forms describes it.
package struct ToolCallFormat: Sendable {
    package struct ParameterForm: Sendable {
        package var pattern: ToolCallPattern
        /// The value stands on lines of its own.
        package var trims: Bool
    }

    /// Where a call written as a JSON object has its parts: the first key of each that is there.
    struct CallKeys: Sendable {
        var name: [String] = []
        var arguments: [String] = []
        var id: [String] = []
        /// Keys of an object that holds calls.
        var list: [String] = []
        /// Further keys that such an object may begin with.
        var other: [String] = []
    }

    package let name: String
    /// What a call looks like; the first pattern that fits counts.
    let calls: [ToolCallPattern]
    /// What a call looks like that is marked by nothing but its place: an answer may begin with it, and the calls must be of offered tools.
    let bare: [ToolCallPattern]
    package let parameters: [ParameterForm]
    /// Texts that may stand around a group of calls.
    let begin: [[UInt8]]
    package let end: [[UInt8]]
    /// Texts that tell an answer from calls and belong to neither.
    let drops: [String]
    /// The beginning of a call or of `drops` that a rendered prompt ends with; empty: none.
    package let prompt: String
    /// The mark around strings in `{object}`, and before tags in `{elements}`.
    package let mark: [UInt8]
    /// How the id of a call is put together, when its parts are written.
    let id: String?
    /// A call ends reasoning that was not closed as soon as it begins. Without: when the output ends with it.
    let endsReasoning: Bool
    let keys: CallKeys

    /// All texts that a stream must show for calls to be found.
    var literals: [String] {
        (calls + bare + parameters.map(\.pattern)).flatMap(\.literals) + (begin + end + [mark]).map { String(decoding: $0, as: UTF8.self) }
            + drops
    }

    /// What makes a stream look closer.
    package var triggers: [[UInt8]] { calls.map(\.trigger) + begin }

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
        guard !calls.contains(where: { $0.elements.contains(.named) }) else { return true }
        rest.removeFirst()
        return (keys.name + keys.arguments + keys.id + keys.list + keys.other).contains { key in
            let wanted = Array(key.utf8) + [UInt8(ascii: "\"")]
            return rest.starts(with: wanted) || wanted.starts(with: rest)
        }
    }

    init(_ json: JSON, keys: CallKeys, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "tool call form")
        name = try fields.string("name")
        func pattern(_ json: JSON, isBare: Bool = false) throws -> ToolCallPattern {
            guard let text = json.string else { throw fields.fail("a pattern is a string", at: json) }
            do { return try ToolCallPattern(text, isBare: isBare) } catch { throw fields.fail("\(error.text) in \"\(text)\"", at: json) }
        }
        calls = try fields.array("calls").map { try pattern($0) }
        bare = try (fields.optionalArray("bare") ?? []).map { try pattern($0, isBare: true) }
        parameters = try (fields.optionalArray("parameters") ?? []).map { item in
            let form = try pattern(try item["pattern"] ?? { throw fields.fail("a parameter needs a pattern", at: item) }())
            for element in form.elements {
                switch element {
                case .literal, .space, .word, .text: break
                default: throw fields.fail("a parameter holds no calls or arguments", at: item)
                }
            }
            guard form.elements.contains(.text(.value)) else { throw fields.fail("a parameter has a {value}", at: item) }
            return ParameterForm(pattern: form, trims: item["trim"]?.bool ?? false)
        }
        begin = try fields.strings("begin").map { Array($0.utf8) }
        end = try fields.strings("end").map { Array($0.utf8) }
        drops = try fields.strings("drop")
        prompt = try fields.optionalString("prompt") ?? ""
        mark = Array((try fields.optionalString("mark") ?? "").utf8)
        id = try fields.optionalString("id")
        endsReasoning = try fields.optionalBool("ends_reasoning") ?? false
        self.keys = keys
        // Read by the rule that finds the form in a model.
        _ = fields.optional("templates")
        _ = fields.optional("tokens")
        try fields.finish()
        guard !(begin + end).contains([]), !drops.contains("") else { throw fields.fail("a text to look for must not be empty") }
        if mark.isEmpty, (calls + bare).contains(where: { $0.elements.contains(.elements) }) {
            throw fields.fail("{elements} need a 'mark'")
        }
    }
}
