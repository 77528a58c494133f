public import ArgumentParser
import Hadal
import HadalCore

/// What is asked of a model that reasons or calls tools.
struct ChatArguments: ParsableArguments {
    @Option(help: "Whether the model reasons before it answers: on, off or auto (on if its chat template supports it).")
    var think: ThinkingMode = .automatic

    @Option(
        name: .customLong("reasoning-budget"),
        help: ArgumentHelp("Maximum reasoning tokens before the answer must begin; 0: no reasoning.", valueName: "n"),
        transform: NumberOption.integer(0...))
    var reasoningBudget: Int?

    @Option(
        help: """
            How to show the reasoning: show, hide, only (reasoning without the answer), or auto: dimmed on a terminal, hidden elsewhere. With \
            show and no terminal it is written to stderr.
            """)
    var reasoning: ReasoningDisplay = .auto

    @Option(help: ArgumentHelp("A JSON file with the tools the model may call.", valueName: "file"))
    var tools: String?

    @Option(
        name: .customLong("tool-choice"),
        help: ArgumentHelp(
            "Whether the model calls a tool: auto, none, required, or the name of the tool that it has to call.", valueName: "choice"))
    var toolChoice: String?

    @Option(
        name: .customLong("option"),
        help: ArgumentHelp(
            "Variable of the chat template: a JSON value or plain text; may be given several times.", valueName: "name=value"))
    var options: [String] = []

    func validate() throws {
        if toolChoice != nil, tools == nil { throw ValidationError("--tool-choice requires --tools.") }
        for option in options where !option.contains("=") { throw ValidationError("--option requires name=value, not '\(option)'.") }
    }

    var asksForTemplate: Bool { think == .on || tools != nil || !options.isEmpty }

    func request(_ messages: [ChatMessage] = []) throws -> ChatRequest {
        let tools = try tools.map { try Self.readTools($0).array ?? [] } ?? []
        var request = ChatRequest(messages: messages, tools: tools.map { Tool($0) }, thinking: think, reasoningBudget: reasoningBudget)
        request.variables = Self.variables(options)
        if let toolChoice { request.toolChoice = ConstraintArguments.toolChoice(toolChoice) }
        return request
    }

    static func variables(_ options: [String]) -> JSONObject {
        var variables = JSONObject()
        for option in options {
            guard let split = option.firstIndex(of: "=") else { continue }
            let text = String(option[option.index(after: split)...])
            variables[String(option[..<split])] = (try? JSONDocument(parsing: text, file: "--option").root) ?? JSON(.string(text))
        }
        return variables
    }

    /// An array of tools, bare or under `tools`.
    ///
    /// - Parameter areNamed: every tool must have a name; a template may read others too.
    static func readTools(_ path: String, areNamed: Bool = true) throws -> JSON {
        let document = try InputText.json(path)
        let list = document.root["tools"] ?? document.root
        guard let tools = list.array else {
            throw HadalError(.malformed, "expected an array of tools, not \(list.kindName)", at: document.place(of: list))
        }
        for tool in tools where areNamed && (tool["function"] ?? tool)["name"]?.string == nil {
            throw HadalError(
                .malformed, "a tool needs the name of its function", at: document.place(of: tool),
                hint: #"{"type": "function", "function": {"name": "…", "description": "…", "parameters": {…}}}"#)
        }
        return list
    }
}

/// What is shown of a model's reasoning.
enum ReasoningDisplay: String, CaseIterable, ExpressibleByArgument { case auto, show, hide, only }

extension ThinkingMode: ExpressibleByArgument {}
