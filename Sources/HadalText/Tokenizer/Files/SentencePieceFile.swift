import HadalCore
import HadalFormats

/// A SentencePiece model: pieces with scores, and how texts are normalized.
///
/// The file is a protocol buffer, `ModelProto` of SentencePiece's `sentencepiece_model.proto`; fields that say nothing about encoding are skipped.
struct SentencePieceFile {
    enum PieceKind: UInt64 {
        case normal = 1, unknown, control, userDefined, unused, byte
    }

    enum Algorithm: UInt64 {
        case unigram = 1, bpe, word, character
    }

    struct Piece {
        var text = ""
        var score: Float = 0
        var kind = PieceKind.normal
    }

    var pieces: [Piece] = []
    var algorithm = Algorithm.unigram
    var fallsBackToBytes = false
    var unknownID = 0
    /// The text of each role whose id is not negative.
    var roles: [(role: String, id: Int, text: String)] = []
    /// See `PrecompiledMap`; empty for none.
    var normalizations: [UInt8] = []
    var addsDummyPrefix = true
    var removesExtraSpaces = true
    var escapesSpaces = true
    /// Pieces of the user match in the text as it is, as added tokens do, rather than in the normalized one.
    var matchesUserPiecesFirst = false
    /// Characters that are no piece are left out, rather than unknown.
    var dropsUnknown = false

    /// Takes texts as they are, whatever the model says, as some classes of transformers do.
    mutating func ignoreNormalization(addsDummyPrefix: Bool) {
        (normalizations, removesExtraSpaces, escapesSpaces, matchesUserPiecesFirst) = ([], false, true, true)
        self.addsDummyPrefix = addsDummyPrefix
    }

    init() {}

    /// - Throws: `malformed` for a file that is no SentencePiece model, with the byte where reading failed.
    init(_ source: ByteSource) throws {
        try withExtendedLifetime(source) { try read(source.bytes, source.name) }
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer, _ file: String) throws {
        var trainer = Fields()
        var normalizer = Fields()
        try ProtocolBuffer.forEachField(of: bytes, file: file) { number, value in
            switch (number, value) {
            case (1, .bytes(let piece)):
                guard pieces.count < TokenizerFile.maximumID else {
                    throw HadalError(.limitExceeded, "more than \(pieces.count) pieces", at: SourcePlace(file))
                }
                pieces.append(try Self.piece(piece, file))
            case (2, .bytes(let part)): try trainer.read(part, file)
            case (3, .bytes(let part)): try normalizer.read(part, file)
            default: break
            }
        }
        guard !pieces.isEmpty else { throw HadalError(.malformed, "the file holds no pieces", at: SourcePlace(file)) }
        algorithm = trainer.numbers[3].flatMap(Algorithm.init) ?? .unigram
        fallsBackToBytes = trainer.numbers[35] == 1
        for (role, idField, textField, id, text) in [
            ("unk_token", 40, 45, 0, "<unk>"), ("bos_token", 41, 46, 1, "<s>"), ("eos_token", 42, 47, 2, "</s>"),
        ] {
            let id = trainer.numbers[idField].map { Int(Int32(truncatingIfNeeded: $0)) } ?? id
            let text = trainer.texts[textField].map { String(decoding: $0, as: UTF8.self) } ?? text
            if id >= 0 { roles.append((role, id, text)) }
            if role == "unk_token" { unknownID = id }
        }
        normalizations = normalizer.texts[2] ?? []
        addsDummyPrefix = normalizer.numbers[3] != 0
        removesExtraSpaces = normalizer.numbers[4] != 0
        escapesSpaces = normalizer.numbers[5] != 0
    }

    private static func piece(_ bytes: UnsafeRawBufferPointer, _ file: String) throws -> Piece {
        var piece = Piece()
        try ProtocolBuffer.forEachField(of: bytes, file: file) { number, value in
            switch (number, value) {
            case (1, .bytes(let text)): piece.text = String(decoding: text, as: UTF8.self)
            case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
            case (3, .varint(let kind)): piece.kind = PieceKind(rawValue: kind) ?? .normal
            default: break
            }
        }
        return piece
    }

    /// The last value of each field of a part.
    private struct Fields {
        var numbers: [Int: UInt64] = [:]
        var texts: [Int: [UInt8]] = [:]

        mutating func read(_ bytes: UnsafeRawBufferPointer, _ file: String) throws {
            try ProtocolBuffer.forEachField(of: bytes, file: file) { number, value in
                switch value {
                case .varint(let value): numbers[number] = value
                case .bytes(let value): texts[number] = Array(value)
                case .fixed32, .fixed64: break
                }
            }
        }
    }
}
