import Foundation
import HadalCore

extension TokenizerFile {
    private func type(of value: JSON, _ what: String) throws -> String {
        try string(try object(value, what)["type"], "the type of \(what)", in: value)
    }

    private func unknown(_ value: JSON, _ what: String, _ type: String, known: String) -> HadalError {
        fail(value["type"] ?? value, "unsupported \(what) '\(type)'", .unsupported, hint: "supported: \(known)")
    }

    /// A pattern of the format itself rather than of the file.
    private func builtIn(_ pattern: String) throws -> TextMatcher { .pattern(try Pattern(pattern)) }

    // MARK: Normalizers

    func normalizer(_ value: JSON) throws -> Normalizer? {
        if value.isNull { return nil }
        let type = try type(of: value, "a normalizer")
        switch type {
        case "Sequence":
            return .sequence(try array(value["normalizers"], "normalizers", in: value).compactMap { try normalizer($0) })
        case "NFC", "NFD", "NFKC", "NFKD": return UnicodeNormalForm(rawValue: type).map { .unicode($0) }
        case "Lowercase": return .lowercase
        case "Strip":
            return .strip(
                left: try bool(value["strip_left"], "strip_left", default: true),
                right: try bool(value["strip_right"], "strip_right", default: true))
        case "StripAccents": return .stripAccents
        case "Replace":
            return .replace(
                try matcher(value["pattern"], in: value), with: Array(try string(value["content"], "content", in: value).utf8))
        case "Prepend": return .prepend(Array(try string(value["prepend"], "prepend", in: value).utf8))
        case "ByteLevel": return .byteLevel
        case "BertNormalizer":
            let lowercases = try bool(value["lowercase"], "lowercase", default: true)
            return .bert(
                BertNormalizer(
                    cleansText: try bool(value["clean_text"], "clean_text", default: true),
                    separatesIdeographs: try bool(value["handle_chinese_chars"], "handle_chinese_chars", default: true),
                    stripsAccents: try bool(value["strip_accents"], "strip_accents", default: lowercases), lowercases: lowercases))
        case "Precompiled":
            let text = try string(value["precompiled_charsmap"], "precompiled_charsmap", in: value)
            guard let table = Data(base64Encoded: text, options: .ignoreUnknownCharacters) else {
                throw fail(value, "precompiled_charsmap is not base64")
            }
            if table.isEmpty { return nil }
            do { return .precompiled(try PrecompiledMap(Array(table))) } catch let error as HadalError {
                throw error.located(at: document.place(of: value))
            }
        case "Nmt": return .translation
        default:
            throw unknown(
                value, "normalizer", type,
                known:
                    "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, ByteLevel, BertNormalizer, Precompiled, Nmt"
            )
        }
    }

    // MARK: Pre-tokenizers

    func preTokenizer(_ value: JSON) throws -> PreTokenizer? {
        if value.isNull { return nil }
        let type = try type(of: value, "a pre-tokenizer")
        switch type {
        case "Sequence":
            return .sequence(try array(value["pretokenizers"], "pretokenizers", in: value).compactMap { try preTokenizer($0) })
        case "Split":
            return .split(
                try matcher(value["pattern"], in: value), try choice(value["behavior"], "behavior", in: value),
                invert: try bool(value["invert"], "invert", default: false))
        case "ByteLevel":
            let usesPattern = try bool(value["use_regex"], "use_regex", default: true)
            return .byteLevel(
                addPrefixSpace: try bool(value["add_prefix_space"], "add_prefix_space", default: true),
                pattern: usesPattern ? try Pattern(Self.byteLevelPattern) : nil)
        case "Metaspace":
            return .metaspace(
                replacement: try replacement(value), scheme: try prependScheme(value),
                split: try bool(value["split"], "split", default: true))
        case "Digits":
            let individual = try bool(value["individual_digits"], "individual_digits", default: false)
            // Rust counts the digits of Unicode 17.
            return .split(
                try builtIn("[\\p{N}\\x{11DE0}-\\x{11DE9}\\x{16FF4}-\\x{16FF6}]"), individual ? .isolated : .contiguous, invert: false)
        case "Punctuation":
            return .split(
                .punctuation, try choice(value["behavior"], "behavior", in: value, default: .isolated),
                invert: false)
        case "Whitespace":
            return .split(try builtIn("[[:word:]\\u200C\\u200D]+|[^[:word:]\\u200C\\u200D\\s]+"), .removed, invert: true)
        case "WhitespaceSplit": return .split(try builtIn("\\s"), .removed, invert: false)
        case "BertPreTokenizer": return try Self.bertPreTokenizer()
        case "CharDelimiterSplit":
            let delimiter = try string(value["delimiter"], "delimiter", in: value)
            guard delimiter.unicodeScalars.count == 1 else { throw fail(value, "a delimiter must be one character") }
            return .split(.literal(Array(delimiter.utf8)), .removed, invert: false)
        case "FixedLength":
            let length = try count(value["length"], "length", in: value)
            guard length > 0 else { throw fail(value, "length must be positive") }
            return .fixedLength(length)
        default:
            throw unknown(
                value, "pre-tokenizer", type,
                known: "Sequence, Split, ByteLevel, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit, "
                    + "BertPreTokenizer, CharDelimiterSplit, FixedLength")
        }
    }

    /// White space parts words, and each character of punctuation is one.
    static func bertPreTokenizer() throws -> PreTokenizer {
        .sequence([.split(.pattern(try Pattern("\\s")), .removed, invert: false), .split(.punctuation, .isolated, invert: false)])
    }

    /// What `ByteLevel` cuts at: GPT-2's published pattern.
    private static let byteLevelPattern =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

    private func replacement(_ value: JSON) throws -> [UInt8] {
        guard let member = value["replacement"] else { return Array("\u{2581}".utf8) }
        let text = try string(member, "replacement", in: value)
        guard text.unicodeScalars.count == 1 else { throw fail(member, "a replacement must be one character") }
        return Array(text.utf8)
    }

    private func prependScheme(_ value: JSON) throws -> PreTokenizer.PrependScheme {
        if let scheme = value["prepend_scheme"] { return try choice(scheme, "prepend_scheme", in: value) }
        return try bool(value["add_prefix_space"], "add_prefix_space", default: true) ? .always : .never
    }

    // MARK: Decoders

    func decoder(_ value: JSON) throws -> TokenDecoder {
        var decoder = TokenDecoder()
        if value.isNull {
            decoder.separator = [0x20]
            return decoder
        }
        var isFused = false
        try add(value, to: &decoder, &isFused)
        return decoder
    }

    private func add(_ value: JSON, to decoder: inout TokenDecoder, _ isFused: inout Bool) throws {
        let type = try type(of: value, "a decoder")
        switch type {
        case "Sequence":
            for inner in try array(value["decoders"], "decoders", in: value) { try add(inner, to: &decoder, &isFused) }
        case "ByteLevel": decoder.steps.append(.byteLevel)
        case "ByteFallback": decoder.steps.append(.byteFallback)
        case "Fuse": isFused = true
        case "WordPiece":
            decoder.steps.append(
                .wordPiece(
                    prefix: Array(try value["prefix"].map { try string($0, "prefix", in: value) }?.utf8 ?? "##".utf8),
                    tidies: try bool(value["cleanup"], "cleanup", default: true)))
        case "Metaspace":
            decoder.steps.append(.metaspace(try replacement(value), dropsInFirst: try prependScheme(value) != .never))
        case "Replace":
            guard case .literal(let old) = try matcher(value["pattern"], in: value) else {
                throw fail(value, "a Replace decoder with a regular expression is not supported", .unsupported)
            }
            decoder.steps.append(.replace(old, with: Array(try string(value["content"], "content", in: value).utf8)))
        case "Strip":
            let content = Array(try string(value["content"], "content", in: value).utf8)
            guard !content.isEmpty else { throw fail(value, "a Strip decoder without content") }
            let start = try count(value["start"], "start", in: value)
            let stop = try count(value["stop"], "stop", in: value)
            if isFused {
                guard stop == 0 else {
                    throw fail(value, "a Strip decoder that cuts the end of a whole text is not supported", .unsupported)
                }
                decoder.leadingStrip = (content, start)
            } else {
                decoder.steps.append(.strip(content, start: start, stop: stop))
            }
        default:
            throw unknown(
                value, "decoder", type, known: "Sequence, ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip, WordPiece")
        }
    }
}
