import Foundation
import HadalCore
import HadalFormats
import HadalTemplate
package import HadalText

/// A model's tokenizer and chat templates.
struct ModelText: Sendable {
    let tokenizer: Tokenizer?
    /// Why a tokenizer that is there cannot be used.
    let tokenizerProblem: HadalError?
    let chatTemplates: ChatTemplates

    /// - Throws: what a broken tokenizer meets. A broken template is only warned of.
    init(of files: ModelFiles, log: LogSink) throws {
        (tokenizer, tokenizerProblem) = try Self.found(in: files)
        chatTemplates = try ChatTemplates(Self.chatTemplates(of: files)) { log.write(.warning, $0) }
    }

    /// nil when the model has none.
    static func tokenizer(of files: ModelFiles) throws -> Tokenizer? {
        switch files.kind {
        case .gguf:
            // Files say so when they have no vocabulary; both spellings are in use.
            guard let model = files.metadata("tokenizer.ggml.model"), !["no_vocab", "none"].contains(model.string ?? "") else { return nil }
            return try Tokenizer(file: files.path, metadata: files.metadata)
        case .huggingFace:
            guard let directory = files.huggingFace else { return nil }
            return try TokenizerDirectory(directory.provider, config: directory.config).map { try Tokenizer($0) }
        }
    }

    /// The tokenizer, or why there is none that can be used: a directory whose tokenizer is in a form that is not read takes token ids.
    static func found(in files: ModelFiles) throws -> (tokenizer: Tokenizer?, problem: HadalError?) {
        do { return (try tokenizer(of: files), nil) } catch let error as HadalError
            where error.code == .unsupported || error.code == .notFound
        {
            guard let provider = files.huggingFace?.provider, !provider.exists("tokenizer.json") else { throw error }
            return (nil, error)
        }
    }

    static func chatTemplates(of files: ModelFiles) throws -> PublishedTemplates {
        if let directory = files.huggingFace { return try PublishedTemplates(directory.provider) }
        return PublishedTemplates(file: files.path, keys: files.metadataKeys, metadata: files.metadata)
    }
}

extension Tokenizer {
    /// The tokenizer of a model, of a directory without weights, a tokenizer.json or a GGUF file that holds only a vocabulary.
    ///
    /// - Throws: `notFound` for a model without one.
    package static func load(_ path: String) throws -> Tokenizer {
        if path.hasSuffix(".json") { return try Tokenizer(contentsOf: path) }
        if isDirectory(path) { return try Tokenizer(directory: path) }
        guard let tokenizer = try ModelText.tokenizer(of: try ModelFiles.open(path: path)) else {
            throw HadalError(.notFound, "no tokenizer in this model", at: SourcePlace(path))
        }
        return tokenizer
    }
}

extension ChatTemplates {
    /// The chat templates of a model, of a directory without weights, or of a file with nothing but a template.
    ///
    /// - Throws: `notFound` for a model without any.
    package static func load(_ path: String) throws -> ChatTemplates {
        if path.hasSuffix(".jinja") {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw HadalError(.notFound, "cannot read the template", at: SourcePlace(path))
            }
            return ChatTemplates(try ChatTemplate(source: text, name: path))
        }
        let published =
            isDirectory(path)
            ? try PublishedTemplates(FileProvider(directory: path)) : try ModelText.chatTemplates(of: try ModelFiles.open(path: path))
        let templates = try ChatTemplates(published)
        guard !templates.named.isEmpty else { throw HadalError(.notFound, "no chat template in this model", at: SourcePlace(path)) }
        return templates
    }
}

private func isDirectory(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
}
