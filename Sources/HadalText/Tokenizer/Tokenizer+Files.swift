package import HadalCore
import HadalFormats

extension Tokenizer {
    /// Reads a tokenizer.json.
    ///
    /// - Throws: `malformed` or `unsupported`, with line and column.
    public convenience init(contentsOf path: String) throws { try self.init(document: JSONDocument(contentsOf: path)) }

    /// A parsed tokenizer.json.
    package convenience init(document: JSONDocument) throws { try self.init(document: document, settings: TokenizerSettings()) }

    /// Reads a model's directory; see `TokenizerDirectory`.
    /// - Throws: `notFound` where it has no tokenizer.
    public convenience init(directory: String) throws {
        guard let found = try TokenizerDirectory(FileProvider(directory: directory)) else {
            throw HadalError(.notFound, "no tokenizer in this directory", at: SourcePlace(directory), hint: "tokenizer.json is required")
        }
        try self.init(found)
    }

    private convenience init(document: JSONDocument, settings: TokenizerSettings) throws {
        let made = try TokenizerFile(document).makeTokenizer(settings: settings)
        self.init(made.parts, special: made.special)
    }
}
