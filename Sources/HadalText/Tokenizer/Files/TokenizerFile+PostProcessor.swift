import HadalCore

extension TokenizerFile {
    /// A template may name one list of tokens many times.
    private static let maximumTemplateTokens = 10_000

    /// The ids that go before and after a single text.
    func boundaryTokens(_ value: JSON) throws -> BoundaryTokens {
        var around = BoundaryTokens()
        if value.isNull { return around }
        switch try processorType(value) {
        case "ByteLevel": break
        case "Sequence":
            for inner in try array(value["processors"], "processors", in: value) {
                let more = try boundaryTokens(inner)
                around = BoundaryTokens(before: more.before + around.before, after: around.after + more.after)
            }
        case "BertProcessing", "RobertaProcessing":
            around = BoundaryTokens(before: [try tokenID(value, "cls")], after: [try tokenID(value, "sep")])
        default:
            var isBefore = true
            for piece in try template(value, "single").joined() {
                switch piece {
                case .text: isBefore = false
                case .token(let id, _): if isBefore { around.before.append(id) } else { around.after.append(id) }
                }
            }
        }
        return around
    }

    /// How texts become the input of an encoder.
    ///
    /// - Parameters:
    ///   - value: the post-processor.
    ///   - boundary: what it puts around a single text.
    ///   - special: what goes around a text by all files together.
    func encoderTemplates(_ value: JSON, boundary: BoundaryTokens, special: SpecialTokens) throws -> EncoderTemplates {
        var templates = EncoderTemplates(prefix: special.prefix, suffix: special.suffix)
        guard try processes(value) else { return templates }
        func made(of texts: [[EncoderTemplates.Piece]], _ other: [EncoderTemplates.Piece]) throws -> [EncoderTemplates.Piece] {
            guard let pieces = try processed(texts, by: value).map({ Array($0.joined()) }) else { return other }
            return Set(pieces.compactMap(\.index)).count == texts.count ? pieces : other
        }
        templates.single = try made(of: [[.text(0, type: 0)]], templates.single)
        templates.pair = try made(of: [[.text(0, type: 0)], [.text(1, type: 1)]], templates.pair)
        if special.prefix != boundary.before {
            EncoderTemplates.replacePrefix(of: &templates.single, with: special.prefix)
            EncoderTemplates.replacePrefix(of: &templates.pair, with: special.prefix)
        }
        if special.suffix != boundary.after {
            EncoderTemplates.replaceSuffix(of: &templates.single, with: special.suffix)
            EncoderTemplates.replaceSuffix(of: &templates.pair, with: special.suffix)
        }
        return templates
    }

    /// Whether a post-processor says anything of special tokens and types.
    private func processes(_ value: JSON) throws -> Bool {
        if value.isNull { return false }
        switch try processorType(value) {
        case "ByteLevel": return false
        case "Sequence": return try array(value["processors"], "processors", in: value).contains { try processes($0) }
        default: return true
        }
    }

    /// What a post-processor makes of parts, one of them for each text at first.
    /// - Returns: nil where it is not defined for so many, and for a text that would be there twice, which no limit could hold.
    private func processed(_ parts: [[EncoderTemplates.Piece]], by value: JSON) throws -> [[EncoderTemplates.Piece]]? {
        if value.isNull { return parts }
        let type = try processorType(value)
        switch type {
        case "ByteLevel": return parts
        case "Sequence":
            var result: [[EncoderTemplates.Piece]]? = parts
            for inner in try array(value["processors"], "processors", in: value) {
                result = try result.flatMap { try processed($0, by: inner) }
            }
            return result
        case "BertProcessing", "RobertaProcessing":
            let (cls, sep) = (try tokenID(value, "cls"), try tokenID(value, "sep"))
            let isRoberta = type == "RobertaProcessing"
            return parts.enumerated().map { index, part in
                if index == 0 {
                    return [.token(cls, type: 0)] + (isRoberta ? part.map { $0.with(type: 0) } : part) + [.token(sep, type: 0)]
                }
                return isRoberta
                    ? [.token(sep, type: 0)] + part.map { $0.with(type: 0) } + [.token(sep, type: 0)] : part + [.token(sep, type: 1)]
            }
        default:
            guard parts.count <= 2 else { return nil }
            var used: Set<Int> = []
            var result: [[EncoderTemplates.Piece]] = []
            for piece in try template(value, parts.count == 1 ? "single" : "pair") {
                guard case .text(let index, let type)? = piece.first else {
                    result.append(piece)
                    continue
                }
                guard parts.indices.contains(index), used.insert(index).inserted else { return nil }
                result.append(parts[index].map { $0.with(type: type) })
            }
            return result
        }
    }

    private func processorType(_ value: JSON) throws -> String {
        let type = try string(try object(value, "a post-processor")["type"], "the type of a post-processor", in: value)
        guard ["Sequence", "ByteLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing"].contains(type) else {
            throw fail(
                value["type"] ?? value, "unsupported post-processor '\(type)'", .unsupported,
                hint: "supported: Sequence, ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing")
        }
        return type
    }

    private func tokenID(_ value: JSON, _ key: String) throws -> Int32 {
        guard let pair = value[key]?.array, pair.count == 2 else { throw fail(value, "\(key) is not a token and its id") }
        return try id(pair[1], key)
    }

    /// A template of TemplateProcessing, piece by piece; empty where there is none for a pair.
    private func template(_ value: JSON, _ key: String) throws -> [[EncoderTemplates.Piece]] {
        if key == "pair", value[key]?.isNull ?? true { return [] }
        var count = 0
        return try array(value[key], key, in: value).map { entry in
            if let text = entry["Sequence"] {
                switch text["id"]?.string {
                case "A": return [.text(0, type: try tokenType(text))]
                case "B": return [.text(1, type: try tokenType(text))]
                default: throw fail(text["id"] ?? text, "a text of a template is neither A nor B")
                }
            }
            guard let token = entry["SpecialToken"] else {
                throw fail(entry, "a piece of a template is neither a Sequence nor a SpecialToken")
            }
            let name = try string(token["id"], "a special token's id", in: entry)
            guard let ids = value["special_tokens"]?[name]?["ids"] else {
                throw fail(entry, "the template names '\(name)', which special_tokens does not have")
            }
            let type = try tokenType(token)
            let list = try array(ids, "ids", in: entry)
            count += list.count
            guard count <= Self.maximumTemplateTokens else {
                throw fail(entry, "a template of more than \(Self.maximumTemplateTokens) special tokens", .limitExceeded)
            }
            return try list.map { .token(try id($0, "a special token's id"), type: type) }
        }
    }

    private func tokenType(_ piece: JSON) throws -> Int32 {
        guard let value = piece["type_id"], !value.isNull else { return 0 }
        guard let type = value.int.flatMap({ Int32(exactly: $0) }), type >= 0 else { throw fail(value, "type_id is not a token type") }
        return type
    }
}
