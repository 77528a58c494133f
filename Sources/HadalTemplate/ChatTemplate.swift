package import HadalCore

/// A chat template: Jinja that turns a conversation into the text of a prompt.
///
/// Parsed once, rendered any number of times, from any thread. Rendering is what `apply_chat_template` of the transformers
/// library does: Jinja 3.1 in its immutable sandbox, with `trim_blocks`, `lstrip_blocks`, `break`, `continue` and
/// `generation` blocks.
package struct ChatTemplate: Sendable {
    /// Names the template in errors; usually the file it came from.
    package let name: String
    package let source: String
    private let body: [TemplateStatement]
    private let scope: CompiledScope
    private let exports: [String: Int]

    /// - Throws: `TemplateError` of kind `syntax`, with the line; `HadalError.limitExceeded` for a template too large or too deep.
    package init(source: String, name: String = "chat_template") throws {
        self.name = name
        self.source = source
        var parser = try TemplateParser(source: source, file: name)
        body = try parser.parse()
        (scope, exports) = try TemplateResolver(file: name).resolve(body)
    }

    /// Renders a conversation.
    ///
    /// - Parameters:
    ///   - messages: The array of messages.
    ///   - tools: The array of tool definitions; nil or null for none. One without the `function` around its name and parameters gets it.
    ///   - options: Further variables, such as `add_generation_prompt`, `bos_token` and `enable_thinking`.
    ///   - now: The time that `strftime_now` formats.
    /// - Throws: `TemplateError` of kind `raised` or `runtime`; `HadalError.limitExceeded`.
    package func render(
        messages: JSON, tools: JSON? = nil, options: JSONObject = JSONObject(), now: TemplateClock = .local(),
        limits: TemplateLimits = .standard
    ) throws -> String {
        var variables = JSONObject([("messages", messages), ("tools", Self.wrapped(tools) ?? .null), ("documents", .null)])
        for member in options.members { variables[member.key] = member.value }
        return try render(variables: variables, now: now, limits: limits)
    }

    /// Renders with exactly the given variables.
    package func render(variables: JSONObject, now: TemplateClock = .local(), limits: TemplateLimits = .standard) throws -> String {
        var values: [String: TemplateValue] = [:]
        for member in variables.members { values[member.key] = TemplateValue(member.value) }
        let run = TemplateRun(scope: scope, exports: exports, variables: values, limits: limits, now: now)
        do {
            return try run.render(body, scope: scope)
        } catch let error as TemplateError {
            throw TemplateError(error.kind, error.message, at: error.place ?? place(run.line))
        } catch let error as HadalError {
            throw error.located(at: place(run.line))
        }
    }

    private func place(_ line: Int) -> SourcePlace { SourcePlace(name, .text(line: line, column: 1)) }
}
