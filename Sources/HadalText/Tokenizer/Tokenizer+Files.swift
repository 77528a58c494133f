import HadalCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

extension Tokenizer {
    /// Reads a tokenizer.json.
    ///
    /// - Throws: `malformed` or `unsupported`, with line and column.
    public convenience init(contentsOf path: String) throws { try self.init(document: JSONDocument(contentsOf: path)) }

    /// A parsed tokenizer.json.
    public convenience init(document: JSONDocument) throws { try self.init(document: document, settings: TokenizerSettings()) }

    /// Reads a model's directory: tokenizer.json, and where there are, tokenizer_config.json and generation_config.json.
    public convenience init(directory: String) throws {
        var settings = TokenizerSettings()
        func document(_ name: String) throws -> JSONDocument? {
            let path = "\(directory)/\(name)"
            return access(path, F_OK) == 0 ? try JSONDocument(contentsOf: path) : nil
        }
        if let config = try document("tokenizer_config.json") { settings.read(config: config) }
        if let generation = try document("generation_config.json") ?? document("config.json") { settings.read(generation: generation) }
        try self.init(document: JSONDocument(contentsOf: "\(directory)/tokenizer.json"), settings: settings)
    }

    private convenience init(document: JSONDocument, settings: TokenizerSettings) throws {
        let made = try TokenizerFile(document).makeTokenizer(settings: settings)
        self.init(made.parts, special: made.special)
    }
}
