import HadalCore
import HadalFormats
import HadalText

/// The tokenizer and chat template of a Hugging Face directory as GGUF metadata.
struct DirectoryVocabulary {
    var metadata: [(key: String, value: MetadataValue)] = []
    var notes: [String] = []

    /// nil if the directory has no tokenizer.json.
    init?(_ directory: HuggingFaceDirectory, size: Int) throws {
        guard let tokenizer = try directory.json("tokenizer.json") else { return nil }
        let config = try directory.json("tokenizer_config.json")
        do {
            let made = try GGUFVocabulary.converting(
                tokenizer, tokenizerConfig: config, generation: directory.generationConfig, config: directory.config, size: size)
            metadata = made.vocabulary.metadata
            notes = made.notes
        } catch let error as HadalError {
            throw HadalError(
                error.code, error.message, at: error.place,
                hint: [error.hint, "--no-tokenizer writes the file without one"].compactMap { $0 }.joined(separator: "; "))
        }
        if let template = try directory.text("chat_template.jinja") {
            metadata.append(("tokenizer.chat_template", MetadataValue(template)))
        } else if let template = config?.root["chat_template"] {
            addTemplates(template)
        }
    }

    /// One template, or a list of named ones of which one is the default.
    private mutating func addTemplates(_ value: JSON) {
        if let text = value.string { return metadata.append(("tokenizer.chat_template", MetadataValue(text))) }
        var named: [String] = []
        for entry in value.array ?? [] {
            guard let name = entry["name"]?.string, let text = entry["template"]?.string else { continue }
            if ExactString(name) == ExactString("default") {
                metadata.append(("tokenizer.chat_template", MetadataValue(text)))
            } else if !named.contains(name), !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                metadata.append(("tokenizer.chat_template.\(name)", MetadataValue(text)))
                named.append(name)
            }
        }
        if !named.isEmpty { metadata.append(("tokenizer.chat_templates", .array(MetadataArray(strings: named)))) }
    }
}
