package import HadalCore
package import HadalTemplate

/// The chat templates of one model, parsed.
package struct ChatTemplates: Sendable {
    /// The name under which transformers looks for the template of conversations with tools.
    private static let toolName = "tool_use"

    package private(set) var named: [(name: String, template: ChatTemplate)] = []

    package init(_ template: ChatTemplate? = nil) { named = template.map { [(PublishedTemplates.defaultName, $0)] } ?? [] }

    /// - Parameter warn: is told why a template is left out. nil: an error.
    package init(_ published: PublishedTemplates, warn: ((String) -> Void)? = nil) throws {
        for entry in published.entries {
            do { named.append((entry.name, try ChatTemplate(source: entry.text, name: entry.origin))) } catch {
                guard let warn else { throw error }
                // A model with a broken template still continues raw prompts.
                warn("the chat template '\(entry.name)' cannot be used: \(error)")
            }
        }
    }

    /// The template of a conversation: the one of this name, else with tools the one that is named for them, else the default one, else the first.
    ///
    /// - Throws: `notFound` for a name that the model does not have.
    package func choose(named name: String? = nil, withTools: Bool) throws -> ChatTemplate? {
        if let name {
            guard let chosen = self[name] else {
                let known = named.isEmpty ? "the model has none" : "there are: " + named.map(\.name).joined(separator: ", ")
                throw HadalError(.notFound, "no chat template named '\(name)'", hint: known)
            }
            return chosen
        }
        return (withTools ? self[Self.toolName] : nil) ?? self[PublishedTemplates.defaultName] ?? named.first?.template
    }

    /// Takes the name of a template out of variables: `chat_template`, as transformers calls it.
    package static func takeName(from variables: inout JSONObject) -> String? {
        guard let name = variables["chat_template"]?.string else { return nil }
        variables["chat_template"] = nil
        return name
    }

    private subscript(name: String) -> ChatTemplate? { named.first { ExactString($0.name) == ExactString(name) }?.template }
}
