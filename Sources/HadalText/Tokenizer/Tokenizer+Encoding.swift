import HadalCore

extension Tokenizer {
    /// The ids of a text. No BOS or EOS is added.
    ///
    /// - Parameter parseSpecial: control tokens that are written in the text become their ids; otherwise they are plain
    ///   text. User-defined tokens always match.
    /// - Throws: `limitExceeded` for a text over `maximumTextLength`, or when a pattern backtracks without end.
    public func encode(_ text: String, parseSpecial: Bool = true) throws -> [Int32] {
        var text = text
        return try text.withUTF8 { try encode(utf8: $0, parseSpecial: parseSpecial) }
    }

    /// The ids of a text given as bytes. Bytes that are not UTF-8 count as U+FFFD.
    public func encode(bytes: [UInt8], parseSpecial: Bool = true) throws -> [Int32] {
        try encode(String(decoding: bytes, as: UTF8.self), parseSpecial: parseSpecial)
    }

    private func encode(utf8 text: UnsafeBufferPointer<UInt8>, parseSpecial: Bool) throws -> [Int32] {
        guard text.count <= Self.maximumTextLength else {
            throw HadalError(.limitExceeded, "a text of \(text.count) bytes; at most \(Self.maximumTextLength) can be tokenized")
        }
        var run = EncodingRun()
        for fragment in parts.added.fragments(of: text, parseSpecial: parseSpecial) {
            switch fragment {
            case .token(let id): run.append(token: id)
            case .text(let range):
                let startsInput = range.lowerBound == 0
                guard let normalizer = parts.normalizer else {
                    try encodeNormalized(UnsafeBufferPointer(rebasing: text[range]), startsInput, parseSpecial, &run)
                    continue
                }
                var keepsStart = true
                try normalizer.apply(to: Array(text[range]), run.scratch, &keepsStart).withUnsafeBufferPointer {
                    try encodeNormalized($0, startsInput && keepsStart, parseSpecial, &run)
                }
            }
        }
        return run.ids
    }

    private func encodeNormalized(
        _ text: UnsafeBufferPointer<UInt8>, _ startsInput: Bool, _ parseSpecial: Bool, _ run: inout EncodingRun
    ) throws {
        for fragment in parts.addedNormalized.fragments(of: text, parseSpecial: parseSpecial) {
            switch fragment {
            case .token(let id): run.append(token: id)
            case .text(let range):
                var piece = Array(text[range])
                if parts.addsSpaceBeforeText, run.previousIsToken { piece.insert(0x20, at: 0) }
                if !parts.spaceReplacement.isEmpty {
                    piece = UTF8Text.replacing([0x20], with: parts.spaceReplacement, in: piece)
                }
                run.previousIsToken = false
                try encodeText(piece, startsInput && range.lowerBound == 0, &run)
            }
        }
    }

    private func encodeText(_ text: [UInt8], _ startsInput: Bool, _ run: inout EncodingRun) throws {
        var pieces = Pieces(text, startsInput: startsInput)
        try parts.preTokenizer?.apply(to: &pieces, run.scratch)
        pieces.text.withUnsafeBufferPointer { buffer in
            for range in pieces.ranges {
                let piece = UnsafeBufferPointer(rebasing: buffer[range])
                switch parts.model {
                case .bpe(let model): run.encode(piece, with: model)
                case .sentencePiece(let model): model.encode(piece, &run.work, into: &run.ids)
                case .unigram(let model): model.encode(piece, into: &run.ids)
                case .wordPiece(let model): model.encode(piece, into: &run.ids)
                case .wordLevel(let table, let unknown):
                    let id = table.find(piece) ?? unknown
                    if id >= 0 { run.ids.append(id) }
                }
            }
        }
    }
}
