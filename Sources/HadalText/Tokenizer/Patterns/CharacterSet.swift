/// A bracket expression of a regular expression, taken apart: a union of items, intersected with other unions.
struct CharacterSet {
    enum Item {
        case range(UInt32, UInt32)
        /// Text that PCRE2 takes inside brackets: `\p{Lu}`, `[:alpha:]`.
        case verbatim(String)
        case set(CharacterSet)
    }

    var negated = false
    var items: [Item] = []
    /// The right-hand sides of `&&`.
    var intersections: [CharacterSet] = []

    /// The expression in PCRE2's syntax. It matches exactly one character.
    var pattern: String {
        var inside = ""
        var nested: [String] = []
        var flat: [Item] = []
        for item in items { Self.flatten(item, into: &flat) }
        for item in flat {
            switch item {
            case .range(let low, let high): inside += low == high ? Self.hex(low) : "\(Self.hex(low))-\(Self.hex(high))"
            case .verbatim(let text): inside += text
            case .set(let set): nested.append(set.pattern)
            }
        }
        if nested.isEmpty, intersections.isEmpty {
            if inside.isEmpty { return negated ? Self.anything : "(?!)" }
            return "[\(negated ? "^" : "")\(inside)]"
        }
        var union = (inside.isEmpty ? [] : ["[\(inside)]"]) + nested
        if union.isEmpty { union = ["(?!)"] }
        var all = union.count == 1 ? union[0] : "(?:\(union.joined(separator: "|")))"
        for other in intersections { all = "(?=\(other.pattern))" + all }
        return negated ? "(?:(?!\(all))\(Self.anything))" : "(?:\(all))"
    }

    private static let anything = "(?s:.)"

    private static func flatten(_ item: Item, into flat: inout [Item]) {
        if case .set(let set) = item, !set.negated, set.intersections.isEmpty {
            for inner in set.items { flatten(inner, into: &flat) }
        } else {
            flat.append(item)
        }
    }

    private static func hex(_ value: UInt32) -> String { "\\x{\(String(value, radix: 16))}" }
}

extension CharacterSet {
    init(ranges: [(UInt32, UInt32)]) { items = ranges.map { .range($0.0, $0.1) } }

    /// The White_Space property. PCRE2's own `\s` also holds U+180E.
    static let whiteSpace = CharacterSet(ranges: [
        (0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
        (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
    ])
    static let hexDigit = CharacterSet(ranges: [(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)])

    var inverted: CharacterSet {
        var copy = self
        copy.negated.toggle()
        return copy
    }
}
