/// A regular expression over characters (Unicode code points), before it is known how they are written as bytes.
///
/// The same pattern can stand for plain text or for the inside of a JSON string with its escapes: `bytes` lowers it either way.
package indirect enum CharacterRegex: Sendable, Hashable {
    /// No text at all.
    case nothing
    /// The empty text alone.
    case empty
    /// Any one character of a set.
    case set(ScalarSet)
    case concatenation([CharacterRegex])
    case union([CharacterRegex])
    case intersection([CharacterRegex])
    /// Every text that this is not.
    case complement(CharacterRegex)
    /// At least `minimum` of these one after the other, and at most `maximum` where that is not nil.
    case repetition(CharacterRegex, minimum: Int, maximum: Int?)

    /// Every text.
    package static let anyText = CharacterRegex.repetition(.set(.all), minimum: 0, maximum: nil)

    package static func text(_ text: String) -> CharacterRegex { joined(text.unicodeScalars.map { .set(ScalarSet([$0])) }) }

    /// These one after the other, without members that change nothing.
    package static func joined(_ parts: [CharacterRegex]) -> CharacterRegex {
        var flat: [CharacterRegex] = []
        for part in parts {
            switch part {
            case .nothing: return .nothing
            case .empty: continue
            case .concatenation(let inner): flat += inner
            default: flat.append(part)
            }
        }
        return flat.isEmpty ? .empty : flat.count == 1 ? flat[0] : .concatenation(flat)
    }

    /// Any of these; sets of characters become one.
    package static func any(of parts: [CharacterRegex]) -> CharacterRegex {
        var flat: [CharacterRegex] = []
        var ranges: [ClosedRange<UInt32>] = []
        for part in parts {
            switch part {
            case .nothing: continue
            case .set(let set): ranges += set.ranges
            case .union(let inner):
                for member in inner { if case .set(let set) = member { ranges += set.ranges } else { flat.append(member) } }
            default: flat.append(part)
            }
        }
        if !ranges.isEmpty { flat.append(.set(ScalarSet(ranges: ranges))) }
        return flat.isEmpty ? .nothing : flat.count == 1 ? flat[0] : .union(flat)
    }

    /// All of these at once.
    package static func all(of parts: [CharacterRegex]) -> CharacterRegex {
        var flat: [CharacterRegex] = []
        for part in parts where part != .anyText {
            if part == .nothing { return .nothing }
            if case .intersection(let inner) = part { flat += inner } else { flat.append(part) }
        }
        return flat.isEmpty ? .anyText : flat.count == 1 ? flat[0] : .intersection(flat)
    }

    package var isNullable: Bool {
        switch self {
        case .nothing, .set: false
        case .empty: true
        case .concatenation(let parts), .intersection(let parts): parts.allSatisfy(\.isNullable)
        case .union(let parts): parts.contains(where: \.isNullable)
        case .complement(let inner): !inner.isNullable
        case .repetition(let inner, let minimum, _): minimum == 0 || inner.isNullable
        }
    }

    /// Characters with which a text of these can begin, or more.
    var firstCharacters: ScalarSet { edge { $0 } }
    /// Characters with which a text of these can end, or more.
    var lastCharacters: ScalarSet { edge { $0.reversed() } }

    private func edge(_ order: ([CharacterRegex]) -> [CharacterRegex]) -> ScalarSet {
        switch self {
        case .nothing, .empty: return ScalarSet()
        case .set(let set): return set
        case .union(let parts): return ScalarSet(ranges: parts.flatMap { $0.edge(order).ranges })
        case .intersection(let parts): return parts.reduce(.all) { $0.intersection($1.edge(order)) }
        case .complement: return .all
        case .repetition(let inner, _, let maximum): return maximum == 0 ? ScalarSet() : inner.edge(order)
        case .concatenation(let parts):
            var result = ScalarSet()
            for part in order(parts) {
                result = result.union(part.edge(order))
                if !part.isNullable { break }
            }
            return result
        }
    }

    /// The expression over bytes.
    ///
    /// - Parameter character: how one character of a set is written. Different characters must be written differently, and no text in two
    ///   characters' ways at once, so that complements stay complements: UTF-8 is so, and JSON's escapes are.
    package func bytes(_ character: (ScalarSet) -> ByteRegex = \.utf8) -> ByteRegex {
        var known: [ScalarSet: ByteRegex] = [:]
        return bytes(character, &known)
    }

    private func bytes(_ character: (ScalarSet) -> ByteRegex, _ known: inout [ScalarSet: ByteRegex]) -> ByteRegex {
        switch self {
        case .nothing: return .nothing
        case .empty: return .empty
        case .set(let set):
            if let found = known[set] { return found }
            let made = character(set)
            known[set] = made
            return made
        case .concatenation(let parts): return .concatenation(parts.map { $0.bytes(character, &known) })
        case .union(let parts): return .union(parts.map { $0.bytes(character, &known) })
        case .intersection(let parts): return CharacterRegex.joint(parts, character, &known)
        case .complement(let inner):
            // Among texts, not among all strings of bytes.
            return .intersection([.complement(inner.bytes(character, &known)), CharacterRegex.anyText.bytes(character, &known)])
        case .repetition(let inner, let minimum, let maximum):
            return .repetition(inner.bytes(character, &known), minimum: minimum, maximum: maximum)
        }
    }

    /// All of these at once: bounds on the length apart from what else a text must be.
    private static func joint(
        _ parts: [CharacterRegex], _ character: (ScalarSet) -> ByteRegex, _ known: inout [ScalarSet: ByteRegex]
    ) -> ByteRegex {
        var texts: [ByteRegex] = []
        var minimum = 0
        var maximum: Int?
        for part in parts {
            if case .repetition(.set(.all), let least, let most) = part {
                minimum = max(minimum, least)
                maximum = [maximum, most].compactMap { $0 }.min()
            } else {
                texts.append(part.bytes(character, &known))
            }
        }
        let unit = CharacterRegex.set(.all).bytes(character, &known)
        let text = texts.count == 1 ? texts[0] : ByteRegex.intersection(texts)
        if texts.isEmpty { return .repetition(unit, minimum: minimum, maximum: maximum) }
        if minimum == 0, maximum == nil { return text }
        return .counted(text, unit: unit, minimum: minimum, maximum: maximum)
    }
}
