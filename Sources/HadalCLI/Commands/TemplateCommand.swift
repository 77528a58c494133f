import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalTemplate
import HadalText

struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template", abstract: "Render a conversation with a chat template.",
        discussion: """
            Of several templates, tool_use is used if there are tools, or the one that --option chat_template=NAME names. With --jsonl \
            reads rows {"messages", "tools", "options"} from stdin and writes rows {"rendered"} or \
            {"error", "error_kind"}.
            """)

    @Argument(help: ArgumentHelp("A model, or a .jinja file.", valueName: "model"))
    var model: String
    @Option(help: ArgumentHelp("A JSON file with the messages; - for stdin.", valueName: "file"))
    var messages: String?
    @Option(help: ArgumentHelp("A JSON file with the tools.", valueName: "file"))
    var tools: String?
    @Option(
        name: .customLong("option"),
        help: ArgumentHelp("Variable of the template: a JSON value or plain text; may be given several times.", valueName: "name=value"))
    var options: [String] = []
    @Option(help: ArgumentHelp("Time reported by strftime_now, as ISO 8601; default: the current time.", valueName: "time"))
    var now: String?
    @Flag(help: "Read and write JSON lines on stdin and stdout.")
    var jsonl = false

    func run() throws {
        let templates = try ChatTemplates.load(try ModelStore.resolve(model))
        let clock = try now.map { try TemplateClock(iso8601: $0) } ?? .local()
        if jsonl { return try runRows(templates, clock) }
        guard let messages else { throw ValidationError("Give --messages FILE, or --jsonl.") }
        let document = try InputText.json(messages)
        let conversation = document.root
        var variables = JSONObject([("add_generation_prompt", true)])
        for option in options where !option.contains("=") { throw ValidationError("--option requires name=value, not '\(option)'.") }
        for member in ChatArguments.variables(options).members { variables[member.key] = member.value }
        // {"messages": [...], "tools": [...]} is accepted as well as a bare list.
        let list = conversation["messages"] ?? conversation
        guard list.array != nil else {
            throw HadalError(.malformed, "expected an array of messages, not \(list.kindName)", at: document.place(of: list))
        }
        let toolList = try tools.map { try ChatArguments.readTools($0, areNamed: false) } ?? conversation["tools"]
        let template = try Self.template(of: templates, tools: toolList, &variables)
        let forms = ChatFormat(template: template, tokenizer: nil, variables: variables).content
        Terminal.out(try template.render(messages: try forms.adapted(list, in: document), tools: toolList, options: variables, now: clock))
    }

    private static func template(of templates: ChatTemplates, tools: JSON?, _ variables: inout JSONObject) throws -> ChatTemplate {
        let name = ChatTemplates.takeName(from: &variables)
        guard let template = try templates.choose(named: name, withTools: tools?.array?.isEmpty == false) else {
            throw HadalError(.notFound, "no chat template in this model")
        }
        return template
    }

    private func runRows(_ templates: ChatTemplates, _ clock: TemplateClock) throws {
        var number = 0
        while let row = readLine() {
            number += 1
            guard !row.isEmpty else { continue }
            let document = try JSONDocument(parsing: InputText.withoutMark(row), file: "row \(number)")
            var options = document.root["options"]?.object ?? JSONObject()
            let template = try Self.template(of: templates, tools: document.root["tools"], &options)
            var row = document.root.object ?? JSONObject()
            if row["options"]?.object != nil { row["options"] = JSON(.object(options)) }
            Terminal.line(try template.renderRow(JSON(.object(row)), now: clock).text())
        }
    }
}
