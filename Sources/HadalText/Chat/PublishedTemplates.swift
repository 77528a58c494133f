import HadalCore
package import HadalFormats

/// The chat templates of a model by name, from wherever its files have them.
///
/// A model has one that is named `default`, and may have others: `tool_use` for conversations with tools, `rag` and more.
package struct PublishedTemplates: Sendable {
    package struct Entry: Sendable {
        package let name: String
        package let text: String
        /// The file, and where in it.
        package let origin: String
    }

    package static let defaultName = "default"
    private static let folder = "additional_chat_templates"
    private static let ggufKey = "tokenizer.chat_template"

    /// In the order of the files, names once each.
    package private(set) var entries: [Entry] = []

    /// Reads a directory: chat_template.jinja and additional_chat_templates/, or else the first of tokenizer_config.json, chat_template.json and
    /// processor_config.json that has any.
    package init(_ files: FileProvider) throws {
        if let text = try Self.text("chat_template.jinja", files) { add(Self.defaultName, text, files.path("chat_template.jinja")) }
        let more = FileProvider(directory: files.path(Self.folder))
        for name in more.names where name.hasSuffix(".jinja") {
            guard let text = try Self.text(name, more) else { continue }
            add(String(name.dropLast(".jinja".utf8.count)), text, more.path(name))
        }
        for name in ["tokenizer_config.json", "chat_template.json", "processor_config.json"] where entries.isEmpty {
            guard let document = try TokenizerDirectory.json(name, files), let value = document.root["chat_template"] else { continue }
            let origin = "\(document.file): chat_template"
            if let text = value.string { add(Self.defaultName, text, origin) }
            for item in value.array ?? [] {
                if let name = item["name"]?.string, let text = item["template"]?.string { add(name, text, origin) }
            }
            for member in value.object?.members ?? [] { if let text = member.value.string { add(member.key, text, origin) } }
        }
    }

    /// Reads the metadata of a GGUF file: `tokenizer.chat_template`, and `tokenizer.chat_template.NAME` for others.
    package init(file: String, keys: [String], metadata: (String) -> MetadataValue?) {
        for key in [Self.ggufKey] + keys where key.hasPrefix(Self.ggufKey) {
            guard let text = metadata(key)?.string else { continue }
            let rest = key.dropFirst(Self.ggufKey.count)
            if rest.isEmpty {
                add(Self.defaultName, text, "\(file): \(key)")
            } else if rest.hasPrefix("."), rest.count > 1 {
                add(String(rest.dropFirst()), text, "\(file): \(key)")
            }
        }
    }

    private mutating func add(_ name: String, _ text: String, _ origin: String) {
        guard !entries.contains(where: { ExactString($0.name) == ExactString(name) }) else { return }
        entries.append(Entry(name: name, text: text, origin: origin))
    }

    private static func text(_ name: String, _ files: FileProvider) throws -> String? {
        guard let source = try files.open(name) else { return nil }
        guard let text = withExtendedLifetime(source, { String(validating: source.bytes, as: UTF8.self) }) else {
            throw HadalError(.malformed, "the file is not valid UTF-8", at: SourcePlace(source.name))
        }
        return text
    }
}
