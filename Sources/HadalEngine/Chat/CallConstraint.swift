import HadalConstraints
import HadalCore
import HadalText

/// What the calls of a reply have to be.
struct CallConstraint: Sendable {
    enum Extent: Sendable {
        /// The answer is calls from its first token to its end.
        case answer
        /// Only what follows one of these texts, with which calls begin, and with the text itself.
        case call([[UInt8]])
    }

    let constraint: TextConstraint
    let extent: Extent

    /// nil where nothing is to be enforced.
    ///
    /// - Throws: `notFound` for a tool that is not offered; `unsupported` where the model has no form of calls, and for what its form
    ///   cannot enforce; as `TextConstraint.jsonSchema` for a tool's parameters, with the tool's name.
    init?(
        _ choice: ToolChoice, _ tools: [Tool], _ format: ChatFormat, afterPrompt prompt: String, _ engine: Engine
    ) throws {
        var wanted = tools
        switch choice {
        case .none: return nil
        case .auto: guard tools.contains(where: \.isStrict) else { return nil }
        case .required:
            guard !tools.isEmpty else {
                throw HadalError(.invalidArgument, "a call of a tool is required, and no tool is offered")
            }
        case .named(let name):
            wanted = tools.filter { $0.name.map { ExactString($0) } == ExactString(name) }
            guard !wanted.isEmpty else { throw HadalError(.notFound, "the tool '\(name)' has to be called, and is not offered") }
        }
        guard let form = format.callForm else {
            if choice == .auto { return nil }
            throw HadalError(.unsupported, "the model has no form of tool calls that is known")
        }
        let texts = ControlTokenText(tokenizer: try engine.requireTokenizer(), endTokens: engine.endTokens)
        if choice == .auto {
            guard !form.isBare else { return nil }
            // Arguments of the others are any object.
            wanted = tools.map { $0.isStrict ? $0 : $0.withoutParameters }
            var triggers = [try texts.literal(form.pattern.elements.first.flatMap { $0.literal } ?? []).bytes]
            var writer = ToolCallGrammar(form, wanted, texts)
            var alternatives = [try writer.calls(many: false)]
            if !form.begin.isEmpty {
                alternatives.append([try writer.group(many: true)])
                triggers.append(try texts.literal(form.begin).bytes)
            }
            constraint = try TextConstraint(writer.finished(alternatives))
            extent = .call(triggers.filter { !$0.isEmpty })
            return
        }
        let begun = form.format.prompt.utf8
        let isBegun = !begun.isEmpty && prompt.utf8.suffix(begun.count).elementsEqual(begun)
        var writer = ToolCallGrammar(form, wanted, texts, isBegun: isBegun)
        let group = try isBegun ? writer.calls(many: false) : [writer.group(many: choice == .required)]
        constraint = try TextConstraint(writer.finished([group]))
        extent = .answer
    }
}

extension CallConstraint {
    /// Calls, one or several, where the answer may be those or a text that is constrained. Arguments of tools that are not strict are any object.
    ///
    /// - Returns: nil where the reply cannot have calls.
    /// - Throws: `unsupported` where the model writes calls without a mark; as `init` for a tool's parameters.
    static func calls(besideConstrainedTextOf chat: ChatPrompt, _ engine: Engine) throws -> TextConstraint? {
        guard !chat.tools.isEmpty, let form = chat.format.callForm else { return nil }
        guard !form.isBare else {
            throw HadalError(
                .unsupported, "the model writes tool calls without a mark: they cannot be told from an answer that has to fit a constraint",
                hint: "give tools, or the constraint")
        }
        let tools = chat.tools.map { $0.isStrict ? $0 : $0.withoutParameters }
        return try CallConstraint(.required, tools, chat.format, afterPrompt: chat.text, engine)?.constraint
    }
}

extension ToolCallPattern.Element {
    /// nil: a place.
    var literal: [UInt8]? { if case .literal(let bytes) = self { bytes } else { nil } }
}

extension Tool {
    fileprivate var withoutParameters: Tool { Tool(["name": JSON(.string(name ?? ""))]) }
}
