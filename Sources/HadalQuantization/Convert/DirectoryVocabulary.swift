import HadalCore
import HadalFormats
import HadalText

/// The tokenizer and chat template of a Hugging Face directory as GGUF metadata.
struct DirectoryVocabulary {
    var metadata: [(key: String, value: MetadataValue)] = []
    var notes: [String] = []

    /// nil if the directory has no tokenizer.
    init?(_ directory: HuggingFaceDirectory, size: Int) throws {
        do {
            guard let found = try TokenizerDirectory(directory.provider, config: directory.config) else { return nil }
            let made = try GGUFVocabulary.converting(found, config: directory.config, size: size)
            metadata = made.vocabulary.metadata
            notes = made.notes
        } catch let error as HadalError {
            throw HadalError(
                error.code, error.message, at: error.place,
                hint: error.hint.adding(.remove(.tokenizer)))
        }
        var named: [String] = []
        for entry in try PublishedTemplates(directory.provider).entries {
            if entry.name == PublishedTemplates.defaultName {
                metadata.append(("tokenizer.chat_template", MetadataValue(entry.text)))
            } else if !entry.name.isEmpty, entry.name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                metadata.append(("tokenizer.chat_template.\(entry.name)", MetadataValue(entry.text)))
                named.append(entry.name)
            }
        }
        if !named.isEmpty { metadata.append(("tokenizer.chat_templates", .array(MetadataArray(strings: named)))) }
    }
}
