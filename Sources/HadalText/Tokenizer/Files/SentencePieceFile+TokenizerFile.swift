import Foundation
import HadalCore

extension SentencePieceFile {
    private static let escapedSpace = "\u{2581}"

    /// The model as a tokenizer.json that encodes as SentencePiece does.
    ///
    /// - Parameters:
    ///   - names: other texts of some ids, as tokenizer_config.json may have them.
    ///   - prefixesEveryText: a space goes before every text between special tokens, not before the first one alone.
    /// - Throws: `unsupported` for models of whole words or characters.
    func tokenizer(names: [Int: [UInt8]], prefixesEveryText: Bool, file: String) throws -> JSONDocument {
        var texts = pieces.map(\.text)
        let kept = Set(pieces.indices.filter { names[$0] == nil }.map { ExactString(texts[$0]) })
        for (id, name) in names where texts.indices.contains(id) {
            let name = String(decoding: name, as: UTF8.self)
            if !kept.contains(ExactString(name)) { texts[id] = name }
        }
        let userDefined = pieces.indices.filter { pieces[$0].kind == .userDefined && !matchesUserPiecesFirst }.map { texts[$0] }
        var root = JSONObject()
        root["added_tokens"] = JSON(
            .array(
                pieces.indices.compactMap {
                    let isControl = pieces[$0].kind == .control
                    guard isControl || (matchesUserPiecesFirst && pieces[$0].kind == .userDefined) else { return nil }
                    return [
                        "id": JSON(.int(Int64($0))), "content": JSON(.string(texts[$0])), "special": JSON(.bool(isControl)),
                        "normalized": false,
                    ]
                }))
        root["normalizer"] = normalizer(prefixesEveryText)
        root["pre_tokenizer"] = preTokenizer(prefixesEveryText, userDefined)
        root["decoder"] = decoder
        switch algorithm {
        case .unigram: root["model"] = unigram(texts)
        case .bpe: root["model"] = bytePairs(texts, isolates: !userDefined.isEmpty)
        case .word, .character:
            throw HadalError(
                .unsupported, "a SentencePiece model of whole words or of characters", at: SourcePlace(file),
                hint: "unigram and BPE models are read")
        }
        return JSONDocument(root: JSON(.object(root)), file: file)
    }

    private func replace(_ pattern: JSON, _ content: String) -> JSON {
        ["type": "Replace", "pattern": pattern, "content": JSON(.string(content))]
    }

    /// Normalizations, spaces taken away, spaces escaped, in this order.
    private func normalizer(_ prefixesEveryText: Bool) -> JSON {
        var steps: [JSON] = []
        if !normalizations.isEmpty {
            steps.append(["type": "Precompiled", "precompiled_charsmap": JSON(.string(Data(normalizations).base64EncodedString()))])
        }
        if removesExtraSpaces { steps += [replace(["Regex": #"\A +| +\z"#], ""), replace(["Regex": " {2,}"], " ")] }
        if escapesSpaces { steps.append(replace(["String": " "], Self.escapedSpace)) }
        // A text that starts with the escaped space gets the prefix too; Metaspace alone would leave it out.
        if addsDummyPrefix, prefixesEveryText, !matchesUserPiecesFirst {
            steps.append(replace(["Regex": JSON(.string("\\A" + Self.escapedSpace))], Self.escapedSpace + Self.escapedSpace))
        }
        return ["type": "Sequence", "normalizers": JSON(.array(steps))]
    }

    private func preTokenizer(_ prefixesEveryText: Bool, _ userDefined: [String]) -> JSON {
        var steps: [JSON] = []
        if addsDummyPrefix {
            steps.append([
                "type": "Metaspace", "replacement": JSON(.string(Self.escapedSpace)),
                "prepend_scheme": prefixesEveryText ? "always" : "first",
                "split": false,
            ])
        }
        let wholes = userDefined.filter { !$0.isEmpty }.sorted { $0.unicodeScalars.count > $1.unicodeScalars.count }
        if !wholes.isEmpty {
            let pattern = wholes.map { text in text.unicodeScalars.map { "\\x{\(String($0.value, radix: 16))}" }.joined() }.joined(
                separator: "|")
            steps.append(["type": "Split", "pattern": ["Regex": JSON(.string(pattern))], "behavior": "Isolated", "invert": false])
        }
        return steps.isEmpty ? .null : ["type": "Sequence", "pretokenizers": JSON(.array(steps))]
    }

    private var decoder: JSON {
        var steps: [JSON] = [replace(["String": JSON(.string(Self.escapedSpace))], " ")]
        if fallsBackToBytes { steps.append(["type": "ByteFallback"]) }
        if addsDummyPrefix { steps += [["type": "Fuse"], ["type": "Strip", "content": " ", "start": 1, "stop": 0]] }
        return ["type": "Sequence", "decoders": JSON(.array(steps))]
    }

    private func unigram(_ texts: [String]) -> JSON {
        let vocabulary = texts.indices.map { JSON(.array([JSON(.string(texts[$0])), JSON(.double(Double(pieces[$0].score)))])) }
        return [
            "type": "Unigram", "unk_id": pieces.indices.contains(unknownID) ? JSON(.int(Int64(unknownID))) : .null,
            "vocab": JSON(.array(vocabulary)), "byte_fallback": JSON(.bool(fallsBackToBytes)),
        ]
    }

    private func bytePairs(_ texts: [String], isolates: Bool) -> JSON {
        let unknown = pieces.firstIndex { $0.kind == .unknown && !dropsUnknown }.map { JSON(.string(texts[$0])) } ?? .null
        let merges = merges(texts).map { JSON(.array([JSON(.string($0.left)), JSON(.string($0.right))])) }
        return [
            "type": "BPE", "vocab": JSON(.object(JSONObject(texts.enumerated().map { ($1, JSON(.int(Int64($0)))) }))),
            "merges": JSON(.array(merges)), "unk_token": unknown, "fuse_unk": true, "byte_fallback": JSON(.bool(fallsBackToBytes)),
            "ignore_merges": JSON(.bool(isolates)),
        ]
    }

    /// Every way to make a piece of two others, the highest score first: SentencePiece merges whatever two pieces make one.
    private func merges(_ texts: [String]) -> [(left: String, right: String)] {
        var normal: [ExactString: Int] = [:]
        for id in pieces.indices where pieces[id].kind == .normal { normal[ExactString(texts[id])] = id }
        var made: [(score: Float, id: Int, left: String, right: String)] = []
        for id in pieces.indices where pieces[id].kind == .normal {
            let scalars = texts[id].unicodeScalars
            for cut in scalars.indices.dropFirst() {
                let (left, right) = (String(scalars[..<cut]), String(scalars[cut...]))
                guard normal[ExactString(left)] != nil, normal[ExactString(right)] != nil else { continue }
                made.append((pieces[id].score, id, left, right))
            }
        }
        // Of one piece the shorter left part comes first: it is a prefix of the longer one.
        made.sort { $0.score != $1.score ? $0.score > $1.score : $0.id != $1.id ? $0.id < $1.id : $0.left.utf8.count < $1.left.utf8.count }
        return made.map { ($0.left, $0.right) }
    }
}
