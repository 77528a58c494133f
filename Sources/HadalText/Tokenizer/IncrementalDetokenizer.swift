/// Turns ids into text one at a time, for streaming.
///
/// What comes out never ends inside a character, and put together it is what `Tokenizer.decode` gives for all ids at
/// once. Not shared between threads without care: it is a value with state.
public struct IncrementalDetokenizer: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecial: Bool
    private let shown: Set<Int32>
    private var joiner: TokenJoiner
    private var pending: [UInt8] = []

    /// - Parameters:
    ///   - skipSpecial: control tokens are left out, except those in `shown`.
    ///   - continuing: the ids go on after a text, so that a leading space counts.
    public init(_ tokenizer: Tokenizer, skipSpecial: Bool = true, shown: Set<Int32> = [], continuing: Bool = false) {
        self.tokenizer = tokenizer
        self.skipSpecial = skipSpecial
        self.shown = shown
        joiner = TokenJoiner(continuing: continuing)
    }

    /// The text that an id completes; empty while a character is incomplete.
    /// - Throws: `invalidArgument` for an id that the vocabulary does not have; the state is then unchanged.
    public mutating func append(_ id: Int32) throws -> String {
        pending += try joiner.bytes(of: id, in: tokenizer, skipSpecial: skipSpecial && !shown.contains(id))
        let complete = pending.count - Self.incompleteTail(pending)
        guard complete > 0 else { return "" }
        defer { pending.removeFirst(complete) }
        return String(decoding: pending[..<complete], as: UTF8.self)
    }

    /// Whether the ids so far end inside a character.
    public var isInsideCharacter: Bool { !pending.isEmpty }

    /// What is left: an incomplete character as U+FFFD, or nothing.
    public mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end are the start of a character that may still be completed.
    private static func incompleteTail(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0xC0 == 0x80 { continue }
            let wanted: Int
            switch lead {
            case 0xC2...0xDF: wanted = 2
            case 0xE0...0xEF: wanted = 3
            case 0xF0...0xF4: wanted = 4
            default: return 0
            }
            guard length < wanted else { return 0 }
            if length >= 2 {
                // Overlong forms, surrogates and numbers above U+10FFFF show in the second byte.
                let second = bytes[bytes.count - length + 1]
                switch lead {
                case 0xE0: if second < 0xA0 { return 0 }
                case 0xED: if second > 0x9F { return 0 }
                case 0xF0: if second < 0x90 { return 0 }
                case 0xF4: if second > 0x8F { return 0 }
                default: break
                }
            }
            return length
        }
        return 0
    }
}
