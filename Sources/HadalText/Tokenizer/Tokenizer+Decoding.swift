import Synchronization

extension Tokenizer {
    /// The text of ids. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// - Parameter skipSpecial: control tokens are left out.
    /// - Throws: `invalidArgument` for an id that the vocabulary does not have.
    public func decode(_ ids: [Int32], skipSpecial: Bool = false) throws -> String {
        String(decoding: try decodeBytes(ids, skipSpecial: skipSpecial), as: UTF8.self)
    }

    /// The bytes of ids, exactly.
    public func decodeBytes(_ ids: [Int32], skipSpecial: Bool = false) throws -> [UInt8] {
        var joiner = TokenJoiner()
        var out: [UInt8] = []
        for id in ids { out += try joiner.bytes(of: id, in: self, skipSpecial: skipSpecial) }
        return out
    }
}

/// What comes after depends on whether anything came before: the state of a text that is decoded token by token.
struct TokenJoiner: Sendable {
    private var isFirst = true
    private var stripped = 0

    init(continuing: Bool = false) { isFirst = !continuing }

    mutating func bytes(of id: Int32, in tokenizer: Tokenizer, skipSpecial: Bool) throws -> [UInt8] {
        tokenizer.decodedTokens.add(1, ordering: .relaxed)
        if skipSpecial, try tokenizer.isControl(id) { return [] }
        let (content, most) = tokenizer.parts.decoder.leadingStrip
        var bytes = try tokenizer.tokenBytes(id, isFirst: isFirst)
        guard isFirst else { return bytes }
        while stripped < most, !content.isEmpty, bytes.starts(with: content) {
            bytes.removeFirst(content.count)
            stripped += 1
        }
        // A first token that vanished entirely leaves the next one first only to what is still to be stripped.
        if most == 0 || !bytes.isEmpty || stripped >= most { isFirst = false }
        return bytes
    }
}
