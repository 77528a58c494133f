import HadalCore
import HadalText

/// Control tokens as constraints see them: five bytes that no text holds, so that a marker stands where a grammar names it and nowhere else.
struct ControlTokenText {
    private static let mark: UInt8 = 0xFF
    static let length = 5

    let tokenizer: Tokenizer
    let endTokens: Set<Int32>

    static func bytes(of token: Int32) -> [UInt8] {
        [mark] + stride(from: 21, through: 0, by: -7).map { UInt8(truncatingIfNeeded: token >> Int32($0)) | 0x80 }
    }

    /// The token that begins here; nil where none does, or not all of one is there.
    static func token(at bytes: ArraySlice<UInt8>) -> Int32? {
        guard bytes.first == mark, bytes.count >= length else { return nil }
        return bytes.dropFirst().prefix(length - 1).reduce(0) { $0 << 7 | Int32($1 & 0x7F) }
    }

    /// A text as a grammar names it: as the tokenizer writes it, with the control tokens that it holds.
    ///
    /// - Returns: the bytes up to the first token that ends the model's output, and whether there is one.
    func literal(_ text: [UInt8]) throws -> (bytes: [UInt8], endsText: Bool) {
        var result: [UInt8] = []
        var at = 0
        for id in try tokenizer.encode(bytes: text, parseSpecial: true) where try tokenizer.isControl(id) {
            let written = try tokenizer.tokenBytes(id)
            guard !written.isEmpty, let found = TextSearch.first(of: written, in: text, from: at) else { continue }
            result += text[at..<found]
            if endTokens.contains(id) { return (result, true) }
            result += Self.bytes(of: id)
            at = found + written.count
        }
        return (result + text[at...], false)
    }
}
