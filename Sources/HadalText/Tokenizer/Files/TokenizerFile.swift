import HadalCore

/// A tokenizer.json, read into the parts of a tokenizer.
struct TokenizerFile {
    /// Ids at or above this are refused: tables are as long as the largest id.
    static let maximumID = 1 << 22

    let document: JSONDocument
    let root: JSONObject

    init(_ document: JSONDocument) throws {
        self.document = document
        guard let root = document.root.object else {
            throw HadalError(.malformed, "a tokenizer is \(document.root.kindName), not an object", at: document.place(of: document.root))
        }
        self.root = root
    }

    func makeTokenizer(settings: TokenizerSettings = TokenizerSettings()) throws -> Tokenizer {
        guard let model = root["model"] else {
            throw HadalError(.malformed, "no \"model\" in the tokenizer", at: SourcePlace(document.file))
        }
        let addedTokens = try addedTokens()
        let vocabulary = try vocabulary(of: model, addedTokens: addedTokens, declared: settings.declared.tokens(beside: addedTokens))
        var parts = TokenizerParts(
            tokens: vocabulary.tokens, kinds: vocabulary.kinds,
            added: AddedTokenMatcher(vocabulary.added.filter { !$0.normalized }, order: .leftmostLongest),
            addedNormalized: AddedTokenMatcher(
                try normalizedContents(vocabulary.added.filter(\.normalized)), order: .leftmostLongest),
            normalizer: try root["normalizer"].flatMap { try normalizer($0) },
            preTokenizer: try root["pre_tokenizer"].flatMap { try preTokenizer($0) },
            model: try tokenizerModel(model, vocabulary),
            decoder: try decoder(root["decoder"] ?? .null))
        let processor = root["post_processor"] ?? .null
        let around = try boundaryTokens(processor)
        let special = settings.specialTokens(in: parts, boundary: around)
        parts.encoder = try encoderTemplates(processor, boundary: around, special: special)
        return Tokenizer(parts, special: special)
    }

    /// Tokens that match after the normalizer are themselves normalized.
    private func normalizedContents(_ tokens: [AddedToken]) throws -> [AddedToken] {
        guard let normalizer = try root["normalizer"].flatMap({ try normalizer($0) }) else { return tokens }
        let scratch = Pattern.Scratch()
        return try tokens.compactMap { token in
            var token = token
            token.content = try normalizer.apply(to: token.content, scratch)
            return token.content.isEmpty ? nil : token
        }
    }
}

// MARK: - Reading members, with errors that say where

extension TokenizerFile {
    func fail(_ value: JSON, _ message: String, _ code: HadalError.Code = .malformed, hint: String? = nil) -> HadalError {
        HadalError(code, message, at: document.place(of: value), hint: hint)
    }

    func object(_ value: JSON, _ what: String) throws -> JSONObject {
        guard let object = value.object else { throw fail(value, "\(what) is \(value.kindName), not an object") }
        return object
    }

    func array(_ value: JSON?, _ what: String, in parent: JSON) throws -> [JSON] {
        guard let value else { throw fail(parent, "\(what) is missing") }
        guard let array = value.array else { throw fail(value, "\(what) is \(value.kindName), not an array") }
        return array
    }

    func string(_ value: JSON?, _ what: String, in parent: JSON) throws -> String {
        guard let value else { throw fail(parent, "\(what) is missing") }
        guard let string = value.string else { throw fail(value, "\(what) is \(value.kindName), not a string") }
        return string
    }

    /// A boolean member; `default` where it is missing or null.
    func bool(_ value: JSON?, _ what: String, default missing: Bool) throws -> Bool {
        guard let value, !value.isNull else { return missing }
        guard let bool = value.bool else { throw fail(value, "\(what) is \(value.kindName), not a boolean") }
        return bool
    }

    func count(_ value: JSON?, _ what: String, in parent: JSON) throws -> Int {
        guard let value else { throw fail(parent, "\(what) is missing") }
        guard let count = value.int, count >= 0, count < 1 << 20 else { throw fail(value, "\(what) is not a small integer") }
        return count
    }

    func id(_ value: JSON, _ what: String) throws -> Int32 {
        guard let id = value.int else { throw fail(value, "\(what) is \(value.kindName), not an integer") }
        guard id >= 0, id < Self.maximumID else { throw fail(value, "\(what) is \(id); ids are 0 to \(Self.maximumID - 1)") }
        return Int32(id)
    }

    /// `{"Regex": "..."}`, `{"String": "..."}` or a plain string.
    func matcher(_ value: JSON?, in parent: JSON) throws -> TextMatcher {
        guard let value else { throw fail(parent, "a pattern is missing") }
        if let regex = value["Regex"] {
            let source = try string(regex, "a regular expression", in: value)
            do { return .pattern(try Pattern(source)) } catch let error as HadalError { throw error.located(at: document.place(of: regex)) }
        }
        let text = try string(value["String"] ?? value, "a pattern", in: value)
        guard !text.isEmpty else { throw fail(value, "an empty pattern") }
        return .literal(Array(text.utf8))
    }

    /// A member that is one of a few words.
    func choice<T: RawRepresentable & CaseIterable>(
        _ value: JSON?, _ what: String, in parent: JSON, default missing: T? = nil
    ) throws -> T where T.RawValue == String {
        if value == nil || value?.isNull == true, let missing { return missing }
        let text = try string(value, what, in: parent)
        guard
            let choice = T.allCases.first(where: {
                ExactString($0.rawValue) == ExactString(text) || ExactString($0.rawValue.lowercased()) == ExactString(text)
            })
        else {
            throw fail(
                value ?? parent, "unknown \(what) '\(text)'", .unsupported,
                hint: "known: " + T.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }
}
