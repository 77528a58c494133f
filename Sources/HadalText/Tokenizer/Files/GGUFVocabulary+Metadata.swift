import HadalCore
package import HadalFormats

extension GGUFVocabulary {
    static let prefix = "tokenizer.ggml."

    /// Reads the vocabulary from a GGUF file's metadata.
    ///
    /// - Parameters:
    ///   - file: names the source in errors.
    ///   - metadata: looks up a metadata key.
    /// - Throws: `notFound` when the file has no vocabulary, `malformed` with the key at fault.
    package init(file: String, metadata: (String) -> MetadataValue?) throws {
        self.init()
        self.file = file
        func place(_ key: String) -> SourcePlace { SourcePlace(file, .field(Self.prefix + key)) }
        func value(_ key: String) -> MetadataValue? { metadata(Self.prefix + key) }
        func id(_ key: String) throws -> Int? {
            guard let value = value(key) else { return nil }
            guard let id = value.int else { throw HadalError(.malformed, "expected an integer, not \(value.type)", at: place(key)) }
            return id
        }
        func flag(_ key: String) throws -> Bool? {
            guard let value = value(key) else { return nil }
            guard let flag = value.bool else { throw HadalError(.malformed, "expected a boolean, not \(value.type)", at: place(key)) }
            return flag
        }
        func array(_ key: String) throws -> MetadataArray? {
            guard let value = value(key) else { return nil }
            guard let array = value.array else { throw HadalError(.malformed, "expected an array, not \(value.type)", at: place(key)) }
            return array
        }
        func byteStrings(_ array: MetadataArray, _ key: String) throws -> [[UInt8]] {
            guard array.elementType == .string else {
                throw HadalError(.malformed, "expected strings, not \(array.elementType)", at: place(key))
            }
            return (0..<array.count).map { array.bytes(at: $0) ?? [] }
        }

        guard let model = value("model") else {
            throw HadalError(.notFound, "the file has no tokenizer: '\(Self.prefix)model' is missing", at: SourcePlace(file))
        }
        guard let name = model.string else { throw HadalError(.malformed, "expected a string", at: place("model")) }
        self.model = name
        pre = value("pre")?.string
        modelName = metadata("general.name")?.string ?? ""
        guard let tokens = try array("tokens") else {
            throw HadalError(.notFound, "the file has no vocabulary: '\(Self.prefix)tokens' is missing", at: SourcePlace(file))
        }
        self.tokens = try byteStrings(tokens, "tokens")
        if let scores = try array("scores") {
            guard let numbers = scores.floats ?? scores.doubles?.map({ Float($0) }) else {
                throw HadalError(.malformed, "expected numbers, not \(scores.elementType)", at: place("scores"))
            }
            guard numbers.count >= tokens.count else {
                throw HadalError(.mismatch, "\(numbers.count) scores for \(tokens.count) tokens", at: place("scores"))
            }
            self.scores = numbers
        }
        if let kinds = try array("token_type") {
            guard let numbers = kinds.ints else {
                throw HadalError(.malformed, "expected integers, not \(kinds.elementType)", at: place("token_type"))
            }
            guard numbers.count >= tokens.count else {
                throw HadalError(.mismatch, "\(numbers.count) types for \(tokens.count) tokens", at: place("token_type"))
            }
            self.kinds = numbers.map { UInt8(exactly: $0).flatMap(TokenKind.init) ?? .undefined }
        }
        if let merges = try array("merges") { self.merges = try byteStrings(merges, "merges") }
        bosID = try id("bos_token_id")
        eosID = try id("eos_token_id")
        eotID = try id("eot_token_id")
        eomID = try id("eom_token_id")
        unknownID = try id("unknown_token_id")
        separatorID = try id("seperator_token_id") ?? id("separator_token_id")
        classID = try id("cls_token_id")
        padID = try id("padding_token_id")
        maskID = try id("mask_token_id")
        addBOS = try flag("add_bos_token")
        addEOS = try flag("add_eos_token")
        addSeparator = try flag("add_sep_token")
        addSpacePrefix = try flag("add_space_prefix")
        removesExtraSpaces = try flag("remove_extra_whitespaces")
        lowercases = try flag("normalizer.lowercase")
        stripsAccents = try flag("normalizer.strip_accents")
        tokenTypeCount = try id("token_type_count")
        if let bytes = try array("precompiled_charsmap") {
            guard let numbers = bytes.ints else {
                throw HadalError(.malformed, "expected bytes, not \(bytes.elementType)", at: place("precompiled_charsmap"))
            }
            normalizations = numbers.map { UInt8(truncatingIfNeeded: $0) }
        }
    }
}

extension Tokenizer {
    /// The tokenizer of a GGUF file.
    package convenience init(
        file: String, metadata: (String) -> MetadataValue?, catalogue: PreTokenizerCatalogue = .builtIn
    ) throws {
        try self.init(GGUFVocabulary(file: file, metadata: metadata), catalogue: catalogue)
    }
}
