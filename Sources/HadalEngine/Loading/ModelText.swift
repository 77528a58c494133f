import Foundation
import HadalCore
import HadalFormats
import HadalText

/// Finds a model's tokenizer and chat template.
enum ModelText {
    /// nil when the model has none.
    static func tokenizer(of files: ModelFiles, vocabularySize: Int?, log: LogSink) throws -> Tokenizer? {
        switch files.kind {
        case .gguf:
            // Files say so when they have no vocabulary; both spellings are in use.
            guard let model = files.metadata("tokenizer.ggml.model"), !["no_vocab", "none"].contains(model.string ?? "") else { return nil }
            return try Tokenizer(file: files.path, metadata: files.metadata)
        case .huggingFace:
            guard FileManager.default.fileExists(atPath: "\(files.path)/tokenizer.json") else { return nil }
            return try Tokenizer(directory: files.path)
        }
    }

    static func chatTemplate(of files: ModelFiles, log: LogSink) throws -> ChatTemplate? {
        guard let (source, name) = try source(of: files) else { return nil }
        do { return try ChatTemplate(source: source, name: name) } catch {
            // A model with a broken template still continues raw prompts.
            log.write(.warning, "the chat template cannot be used: \(error)")
            return nil
        }
    }

    /// The template's text and where it came from.
    static func source(of files: ModelFiles) throws -> (String, String)? {
        switch files.kind {
        case .gguf:
            return files.metadata("tokenizer.chat_template")?.string.map { ($0, "\(files.path): tokenizer.chat_template") }
        case .huggingFace:
            let path = "\(files.path)/chat_template.jinja"
            if let text = try? String(contentsOfFile: path, encoding: .utf8) { return (text, path) }
            let config = "\(files.path)/tokenizer_config.json"
            guard FileManager.default.fileExists(atPath: config), let entry = try JSONDocument(contentsOf: config).root["chat_template"]
            else { return nil }
            if let text = entry.string { return (text, "\(config): chat_template") }
            // Some models carry several templates, the plain one named "default".
            let named = entry.array?.first { $0["name"]?.string == "default" } ?? entry.array?.first
            return named?["template"]?.string.map { ($0, "\(config): chat_template") }
        }
    }
}

extension Engine {
    /// The tokenizer of a model, a tokenizer.json or a GGUF file that holds only a vocabulary.
    public static func tokenizer(at path: String) throws -> Tokenizer {
        if path.hasSuffix(".json") { return try Tokenizer(contentsOf: path) }
        let files = try ModelFiles.open(path: path)
        guard let tokenizer = try ModelText.tokenizer(of: files, vocabularySize: nil, log: .silent) else {
            throw HadalError(.notFound, "no tokenizer in this model", at: Place(path))
        }
        return tokenizer
    }

    /// The chat template of a model, or a file with nothing but a template.
    public static func chatTemplate(at path: String) throws -> ChatTemplate {
        if path.hasSuffix(".jinja") {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw HadalError(.notFound, "cannot read the template", at: Place(path))
            }
            return try ChatTemplate(source: text, name: path)
        }
        guard let (source, name) = try ModelText.source(of: try ModelFiles.open(path: path)) else {
            throw HadalError(.notFound, "no chat template in this model", at: Place(path))
        }
        return try ChatTemplate(source: source, name: name)
    }
}
