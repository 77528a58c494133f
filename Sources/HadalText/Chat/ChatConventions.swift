package import HadalCore

/// The forms that are in use for reasoning and tool calls, and how a model that uses one is recognised.
///
/// The built-in list is `Resources/chat_formats.json`. A form belongs to a model whose chat template holds its texts; where the
/// template says nothing, to one whose vocabulary has its texts as tokens.
package struct ChatConventions: Sendable {
    /// What shows that a form is in use.
    struct Evidence: Sendable {
        /// Texts that occur together in a template: any of the groups.
        var templates: [[String]]
        /// Tokens that a vocabulary has, all of them.
        var tokens: [String]

        func isIn(template: String) -> Bool { templates.contains { $0.allSatisfy { TextSearch.first(of: $0, in: template) != nil } } }

        func isIn(_ tokenizer: Tokenizer) -> Bool { !tokens.isEmpty && tokens.allSatisfy { tokenizer.id(of: $0) != nil } }
    }

    let reasoning: [(markers: ReasoningMarkers, evidence: Evidence)]
    let tools: [(format: ToolCallFormat, evidence: Evidence)]
    let switches: [ThinkingSwitch]
    /// Names under which messages hold the reasoning of earlier turns.
    let reasoningKeys: [String]
    let budgetLine: String

    /// The built-in list.
    package static let builtIn: ChatConventions = {
        let empty = ChatConventions()
        return
            (try? ChatConventions(JSONDocument(parsing: EmbeddedText.chat_formats, file: "chat_formats.json", rejectDuplicateKeys: true)))
            ?? empty
    }()

    private init() { (reasoning, tools, switches, reasoningKeys, budgetLine) = ([], [], [], [], "") }

    /// Reads a list.
    /// - Throws: `malformed` with line and column.
    package init(_ document: JSONDocument) throws {
        var fields = try JSONFields(document.root, in: document, what: "list of chat forms")
        let version = try fields.string("hadal")
        guard version == "chat-formats/1" else {
            throw fields.fail(
                "'hadal' is \"\(version)\"; this build reads \"chat-formats/1\"", at: document.root["hadal"], code: .unsupported)
        }
        reasoning = try fields.array("reasoning").map { item in
            let markers = try ReasoningMarkers(item, in: document)
            let evidence = try Self.evidence(
                item, in: document, templates: [[markers.open], [markers.close]], tokens: [markers.open, markers.close])
            return (markers, evidence)
        }
        var keys = try JSONFields(try fields.required("call_keys"), in: document, what: "keys of calls")
        var callKeys = ToolCallFormat.CallKeys()
        callKeys.name = try keys.strings("name")
        callKeys.arguments = try keys.strings("arguments")
        callKeys.id = try keys.strings("id")
        callKeys.list = try keys.strings("list")
        callKeys.other = try keys.strings("other")
        try keys.finish()
        tools = try fields.array("tools").map { item in
            (try ToolCallFormat(item, keys: callKeys, in: document), try Self.evidence(item, in: document, templates: [], tokens: []))
        }
        switches = try fields.array("switches").map { item in
            var fields = try JSONFields(item, in: document, what: "switch")
            let found = ThinkingSwitch(
                variable: try fields.string("variable"), on: fields.optional("on"), off: try fields.required("off"))
            try fields.finish()
            return found
        }
        reasoningKeys = try fields.strings("reasoning_keys")
        budgetLine = try fields.string("budget_line")
        try fields.finish()
    }

    private static func evidence(_ json: JSON, in document: JSONDocument, templates: [[String]], tokens: [String]) throws -> Evidence {
        func strings(_ value: JSON) throws -> [String] {
            guard let array = value.array, case let texts = array.compactMap(\.string), texts.count == array.count else {
                throw HadalError(.malformed, "expected an array of strings, not \(value.kindName)", at: document.place(of: value))
            }
            return texts
        }
        return Evidence(
            templates: try json["templates"].map { try ($0.array ?? []).map(strings) } ?? templates,
            tokens: try json["tokens"].map(strings) ?? tokens)
    }

    /// The markers of a model's reasoning; nil when none are known.
    func reasoning(template: String?, tokenizer: Tokenizer?) -> ReasoningMarkers? {
        if let template, let found = reasoning.first(where: { $0.evidence.isIn(template: template) }) { return found.markers }
        guard let tokenizer else { return nil }
        return reasoning.first { $0.evidence.isIn(tokenizer) }?.markers
    }

    /// The forms of a model's tool calls, to be tried in order.
    func tools(template: String?, tokenizer: Tokenizer?) -> [ToolCallFormat] {
        let told = template.map { text in tools.filter { $0.evidence.isIn(template: text) }.map(\.format) } ?? []
        guard told.isEmpty, let tokenizer else { return told }
        return tools.filter { $0.evidence.isIn(tokenizer) }.map(\.format)
    }
}
