import HadalArchitecture
import HadalCore
import HadalFormats

/// What a model's files say of texts to be embedded.
struct SentenceSettings: Sendable {
    /// Most tokens of a text; nil: nothing is said.
    var tokenLimit: Int?
    /// Texts that go before others, by name.
    var prompts: [(name: String, text: String)] = []
    /// The prompt that a text gets where none is named.
    var defaultPrompt: String?

    init(_ description: ModelDescription) {
        tokenLimit = description.graph.textLength
        guard let stated = description.files.config?["sentence_transformers"] else { return }
        let settings = stated["settings"]
        prompts = (settings?["prompts"]?.object?.members ?? []).compactMap { member in member.value.string.map { (member.key, $0) } }
        defaultPrompt = settings?["default_prompt_name"]?.string
    }

    /// The text of a prompt.
    ///
    /// - Parameter name: nil: the one that the files name, if any.
    /// - Throws: `notFound` for a name that the files do not have.
    func prompt(_ name: String?) throws -> String {
        guard let name = name ?? defaultPrompt else { return "" }
        if let found = prompts.first(where: { ExactString($0.name) == ExactString(name) }) { return found.text }
        throw HadalError(
            .notFound, "the model has no prompt '\(name)'",
            hint: prompts.isEmpty ? "it names no prompts" : "known: \(prompts.map(\.name).joined(separator: ", "))")
    }
}
