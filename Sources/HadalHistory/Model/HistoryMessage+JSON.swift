package import HadalCore

extension HistoryMessage {
    /// The message as the page and exported files have it.
    package var json: JSON {
        var object = JSONObject([("id", .init(.string(id))), ("parent", Self.optional(parent))])
        for member in body.members { object[member.key] = member.value }
        object["created"] = JSON(.double(created))
        object["state"] = JSON(.string(state.rawValue))
        return JSON(.object(object))
    }

    /// What stands in the database as one piece, sealed where a passphrase is set: all but what makes the tree and its times.
    var body: JSONObject {
        JSONObject([
            ("role", JSON(.string(role.rawValue))), ("content", JSON(.string(content))), ("reasoning", JSON(.string(reasoning))),
            (
                "tool_calls",
                JSON(
                    .array(
                        toolCalls.map {
                            ["id": JSON(.string($0.id)), "name": JSON(.string($0.name)), "arguments": JSON(.string($0.arguments))]
                        }))
            ),
            ("tool_call_id", Self.optional(toolCallID)), ("model", Self.optional(model)), ("error", Self.optional(error)),
            ("figures", figures.flatMap { try? JSONDocument(parsing: $0, file: "figures").root } ?? .null),
        ])
    }

    private static func optional(_ text: String?) -> JSON { text.map { JSON(.string($0)) } ?? .null }

    /// Reads a message of an exported file.
    ///
    /// - Throws: `malformed` with line and column.
    init(_ json: JSON, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "message")
        let id = try fields.required("id")
        let parent = fields.optional("parent")
        let created = try fields.required("created")
        let state = try fields.required("state")
        guard let identifier = id.string, HistoryID.isValid(identifier) else { throw fields.fail("'id' is not an id", at: id) }
        guard let seconds = created.double, HistoryClock.isTime(seconds) else { throw fields.fail("'created' is not a time", at: created) }
        guard let state = state.string.flatMap(State.init) else { throw fields.fail("'state' is unknown", at: state) }
        try self.init(
            id: identifier, parent: HistoryJSON.text(parent, "parent", fields), created: seconds, state: state, body: &fields)
        // Members that later versions add are left out rather than refused.
    }

    /// Reads what stands in the database.
    ///
    /// - Throws: `malformed`.
    init(id: String, parent: String?, created: Double, state: State, body text: String) throws {
        let document = try JSONDocument(parsing: text, file: "message \(id)")
        var fields = try JSONFields(document.root, in: document, what: "message")
        try self.init(id: id, parent: parent, created: created, state: state, body: &fields)
    }

    private init(id: String, parent: String?, created: Double, state: State, body fields: inout JSONFields) throws {
        let role = try fields.required("role")
        guard let known = role.string.flatMap(Role.init) else { throw fields.fail("'role' is unknown", at: role) }
        var calls: [ToolCall] = []
        if let array = fields.optional("tool_calls"), !array.isNull {
            guard let items = array.array else { throw fields.fail("'tool_calls' must be an array, not \(array.kindName)", at: array) }
            for item in items {
                var call = try JSONFields(item, in: fields.document, what: "tool call")
                calls.append(ToolCall(id: try call.string("id"), name: try call.string("name"), arguments: try call.string("arguments")))
            }
        }
        let figures = fields.optional("figures")
        if let figures, !figures.isNull, figures.object == nil {
            throw fields.fail("'figures' must be an object, not \(figures.kindName)", at: figures)
        }
        self.init(
            id: id, parent: parent, role: known, content: try fields.string("content"),
            reasoning: try HistoryJSON.text(fields.optional("reasoning"), "reasoning", fields) ?? "", toolCalls: calls,
            toolCallID: try HistoryJSON.text(fields.optional("tool_call_id"), "tool_call_id", fields), created: created,
            model: try HistoryJSON.text(fields.optional("model"), "model", fields), state: state,
            error: try HistoryJSON.text(fields.optional("error"), "error", fields),
            figures: figures.flatMap { $0.isNull ? nil : $0.text() })
    }
}
