import Foundation
import HadalCore

/// A SentencePiece model's own normalization: what byte strings are replaced with.
///
/// The table is a double-array trie of 32-bit units, followed by the replacements, each ended by a zero byte. Every place is checked when it is
/// looked up, since the table comes from a file.
struct PrecompiledMap: Sendable {
    /// Longer characters are replaced scalar by scalar, in bytes.
    private static let longestWhole = 6

    private let units: [UInt32]
    private let replacements: [UInt8]

    /// - Throws: `malformed` for a table whose parts do not fit in it.
    init(_ table: [UInt8]) throws {
        guard table.count >= 4 else { throw HadalError(.malformed, "a table of normalizations of \(table.count) bytes") }
        func unit(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(table[at + $1]) << (8 * UInt32($1)) } }
        let size = Int(unit(0))
        guard size % 4 == 0, size <= table.count - 4 else {
            throw HadalError(.malformed, "a table of normalizations whose trie has \(size) of \(table.count - 4) bytes")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map(unit)
        replacements = Array(table[(4 + size)...])
    }

    /// What the shortest entry that `text` starts with is replaced with; nil if there is none.
    private func replacement(of text: some Collection<UInt8>) -> ArraySlice<UInt8>? {
        guard let root = units.first else { return nil }
        var at = Self.offset(root)
        for byte in text {
            guard byte != 0 else { return nil }
            at ^= Int(byte)
            guard units.indices.contains(at) else { return nil }
            let unit = units[at]
            guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
            at ^= Self.offset(unit)
            guard unit & 0x100 != 0 else { continue }
            guard units.indices.contains(at) else { return nil }
            let start = Int(units[at] & 0x7FFF_FFFF)
            guard start < replacements.count else { return nil }
            return replacements[start...].prefix { $0 != 0 }
        }
        return nil
    }

    private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 0x200) >> 6) }

    /// `text` is valid UTF-8; so is the result, where the table is sound.
    func apply(to text: [UInt8]) -> [UInt8] {
        guard !units.isEmpty else { return text }
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        for character in String(decoding: text, as: UTF8.self) {
            if character.utf8.count < Self.longestWhole, let whole = replacement(of: character.utf8) {
                out += whole
                continue
            }
            for scalar in character.unicodeScalars {
                let bytes = Array(String(scalar).utf8)
                out += replacement(of: bytes) ?? bytes[...]
            }
        }
        return Array(String(decoding: out, as: UTF8.self).utf8)
    }
}
