/// A set of byte values.
package struct ByteSet: Sendable, Hashable {
    package private(set) var words: SIMD4<UInt64> = .zero

    package init() {}
    package init(_ bytes: some Sequence<UInt8>) { for byte in bytes { insert(byte) } }
    package init(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

    package static let all = ByteSet(0...255)

    package var isEmpty: Bool { words == .zero }
    package func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }
    package mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
    package func union(_ other: ByteSet) -> ByteSet { ByteSet(words: words | other.words) }
    package func intersection(_ other: ByteSet) -> ByteSet { ByteSet(words: words & other.words) }
    package var complement: ByteSet { ByteSet(words: ~words) }

    private init(words: SIMD4<UInt64>) { self.words = words }
}

/// A regular expression over bytes: the strings that a terminal of a grammar stands for.
///
/// Text is its UTF-8 bytes. Intersection and complement are whole members of the algebra, so that "a string that matches this pattern,
/// has at most 20 characters and is none of these names" is one expression.
package indirect enum ByteRegex: Sendable, Hashable {
    /// No string at all.
    case nothing
    /// The empty string alone.
    case empty
    /// Any one byte of a set.
    case set(ByteSet)
    case concatenation([ByteRegex])
    case union([ByteRegex])
    case intersection([ByteRegex])
    /// Every string of bytes that this is not.
    case complement(ByteRegex)
    /// At least `minimum` of these one after the other, and at most `maximum` where that is not nil.
    case repetition(ByteRegex, minimum: Int, maximum: Int?)
    /// The strings of an expression that are at least `minimum` units long, and at most `maximum` where that is not nil: a pattern with a
    /// bound on its length in characters. Means the intersection with a repetition of units, and is matched faster.
    ///
    /// No unit may begin with another one, or be empty. Every string of the expression must be units, and so must be those of each
    /// repetition in it, and of each intersection without its complements.
    case counted(ByteRegex, unit: ByteRegex, minimum: Int, maximum: Int?)

    /// These bytes as they are.
    package static func bytes(_ bytes: some Sequence<UInt8>) -> ByteRegex {
        .concatenation(bytes.map { .set(ByteSet([$0])) })
    }
    /// This text as it is.
    package static func text(_ text: String) -> ByteRegex { bytes(text.utf8) }
    package static func optional(_ regex: ByteRegex) -> ByteRegex { .repetition(regex, minimum: 0, maximum: 1) }
}
