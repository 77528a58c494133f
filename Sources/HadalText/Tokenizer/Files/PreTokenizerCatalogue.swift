package import HadalCore

/// What is known of published GGUF vocabularies, which name their pre-tokenizer instead of describing it.
///
/// The built-in catalogue is `Resources/pretokenizers.json`; a file of the same form can be read in its place.
package struct PreTokenizerCatalogue: Sendable {
    package struct Entry: Sendable {
        /// The patterns that cut a text, one after the other; what no pattern matches is a piece too.
        package var patterns: [String] = []
        /// Pieces are written in the byte alphabet.
        package var byteLevel = true
        /// A piece that is a token is not merged from its characters.
        package var ignoreMerges = false
        /// Spaces become U+2581 before anything else.
        package var escapeSpaces = false
        /// A run of newlines that is a token is one piece.
        package var wholeNewlineRuns = false
        /// What a prompt gets when the file does not say.
        package var addBOS = false
        /// Whether a separator goes between two texts when the file does not say.
        package var addSeparator = false
    }

    enum ModelKind: String { case bpe, sentencepiece, unigram, wordpiece }

    struct Model: Sendable {
        var kind: ModelKind
        /// The pre-tokenizer that the model implies.
        var pre: String?
        var bos: Int?
        var eos: Int?
        var unknown: Int?
        var separator: Int?
        var addBOS: Bool
        var addEOS: Bool
    }

    /// Which tokens take white space beside them along.
    struct StrippingRule: Sendable {
        var generalNames: [String]
        var preNames: [String]
        var isLeft: Bool
        /// Tokens it applies to; empty for all that are matched as a whole.
        var tokens: [String]
        var except: [String]
    }

    struct EndException: Sendable {
        var token: String
        var kind: TokenKind
        var when: [[String]]
    }

    private(set) var entries: [String: Entry] = [:]
    private(set) var models: [String: Model] = [:]
    private(set) var endOfGeneration: [String] = []
    private(set) var endOfTurn: [String] = []
    private(set) var control: [String] = []
    private(set) var controlAndEnd: [String] = []
    private(set) var userDefined: [String] = []
    private(set) var stripping: [StrippingRule] = []
    private(set) var endExceptions: [EndException] = []

    /// The first name of each pre-tokenizer, in the catalogue's order.
    private(set) var principalNames: [String] = []

    /// The names of all pre-tokenizers, sorted.
    package var names: [String] { entries.keys.sorted() }

    package subscript(name: String) -> Entry? { entries[name] }

    /// The built-in catalogue.
    package static let builtIn: PreTokenizerCatalogue = {
        return (try? PreTokenizerCatalogue(JSONDocument(parsing: EmbeddedText.pretokenizers, file: "pretokenizers.json")))
            ?? PreTokenizerCatalogue()
    }()

    private init() {}

    /// Reads a catalogue.
    /// - Throws: `malformed` with line and column.
    package init(_ document: JSONDocument) throws {
        func strings(_ value: JSON?) throws -> [String] {
            guard let value else { return [] }
            guard let array = value.array else {
                throw HadalError(.malformed, "expected an array of strings, not \(value.kindName)", at: document.place(of: value))
            }
            return try array.map {
                guard let text = $0.string else {
                    throw HadalError(.malformed, "expected a string, not \($0.kindName)", at: document.place(of: $0))
                }
                return text
            }
        }
        for item in document.root["models"]?.array ?? [] {
            guard let name = item["name"]?.string, let kind = item["kind"]?.string.flatMap(ModelKind.init) else {
                throw HadalError(.malformed, "a model needs a name and a kind", at: document.place(of: item))
            }
            models[name] = Model(
                kind: kind, pre: item["pre"]?.string, bos: item["bos"]?.int, eos: item["eos"]?.int, unknown: item["unknown"]?.int,
                separator: item["separator"]?.int, addBOS: item["add_bos"]?.bool ?? false, addEOS: item["add_eos"]?.bool ?? false)
        }
        for item in document.root["pre_tokenizers"]?.array ?? [] {
            var entry = Entry()
            entry.patterns = try strings(item["regex"])
            entry.byteLevel = item["byte_level"]?.bool ?? true
            entry.ignoreMerges = item["ignore_merges"]?.bool ?? false
            entry.escapeSpaces = item["escape_spaces"]?.bool ?? false
            entry.wholeNewlineRuns = item["whole_newline_runs"]?.bool ?? false
            entry.addBOS = item["add_bos"]?.bool ?? false
            entry.addSeparator = item["add_sep"]?.bool ?? false
            let names = try strings(item["names"])
            for name in names { entries[name] = entry }
            principalNames += names.prefix(1)
        }
        endOfGeneration = try strings(document.root["end_of_generation"])
        endOfTurn = try strings(document.root["end_of_turn"])
        control = try strings(document.root["control"])
        controlAndEnd = try strings(document.root["control_and_end"])
        userDefined = try strings(document.root["user_defined"])
        for item in document.root["stripping"]?.array ?? [] {
            stripping.append(
                StrippingRule(
                    generalNames: try strings(item["general_name_contains"]), preNames: try strings(item["pre_contains"]),
                    isLeft: item["strip"]?.string == "left", tokens: try strings(item["tokens"]), except: try strings(item["except"])))
        }
        for item in document.root["not_end_of_generation"]?.array ?? [] {
            guard let token = item["token"]?.string else {
                throw HadalError(.malformed, "an exception needs a token", at: document.place(of: item))
            }
            endExceptions.append(
                EndException(
                    token: token, kind: item["kind"]?.string == "user_defined" ? .userDefined : .normal,
                    when: try (item["when"]?.array ?? []).map { try strings($0) }))
        }
    }
}
