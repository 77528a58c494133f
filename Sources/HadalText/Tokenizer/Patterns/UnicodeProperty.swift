import HadalCore

/// A character property by a name that Oniguruma knows it by, as PCRE2 can say it.
///
/// The table is `Resources/unicode.json`. Properties that are not in it (blocks, ages, text segmentation) are refused.
struct UnicodeProperty: Sendable {
    private enum Part: Sendable {
        case pcre(String)
        case property(String)
    }

    private var parts: [Part] = []
    private var isComplement = false
    private var added: [(UInt32, UInt32)] = []
    private var removed: [(UInt32, UInt32)] = []
    /// Ranges that a bracket expression with this property takes as well where case is ignored; nil where they are not known.
    private var folded: [(UInt32, UInt32)]?

    private static let table: [String: UnicodeProperty] = {
        guard let document = try? JSONDocument(parsing: EmbeddedText.unicode, file: "unicode.json") else { return [:] }
        var table: [String: UnicodeProperty] = [:]
        for entry in document.root["properties"]?.array ?? [] {
            func strings(_ key: String) -> [String] { (entry[key]?.array ?? []).compactMap(\.string) }
            func ranges(_ key: String) -> [(UInt32, UInt32)]? {
                entry[key]?.array?.compactMap { pair in
                    guard let ends = pair.array, ends.count == 2, let low = ends[0].int, let high = ends[1].int else { return nil }
                    return (UInt32(clamping: low), UInt32(clamping: high))
                }
            }
            var property = UnicodeProperty()
            property.isComplement = entry["not"] != nil
            property.parts =
                [entry["pcre"]?.string].compactMap { $0.map { .pcre($0) } } + (strings("of") + strings("not")).map { .property($0) }
            property.added = ranges("add") ?? []
            property.removed = ranges("remove") ?? []
            property.folded = ranges("folded") ?? (entry["closed"]?.bool == true ? [] : nil)
            for name in strings("names") { table[name] = property }
        }
        return table
    }()

    /// The set of a property; nil for a name that is not in the table.
    ///
    /// - Parameters:
    ///   - name: case, spaces, `-` and `_` do not count. `:word:` and `:punct:` are those of POSIX brackets.
    ///   - negated: the characters without the property.
    ///   - ignoringCase: inside brackets where case is ignored.
    /// - Throws: `unsupported` for a property whose characters there are not known.
    static func set(named name: String, negated: Bool = false, ignoringCase: Bool = false) throws -> CharacterSet? {
        let key = String(name.lowercased().unicodeScalars.filter { $0 != "_" && $0 != " " && $0 != "-" })
        guard let property = table[key] else { return nil }
        var set = property.set
        if ignoringCase {
            guard let folded = property.folded, folded.isEmpty || !negated else {
                throw HadalError(.unsupported, "the property '\(name)' inside brackets where case is ignored is not supported")
            }
            set.items += folded.map { .range($0.0, $0.1) }
        }
        return negated ? set.inverted : set
    }

    private var set: CharacterSet {
        var set = CharacterSet()
        set.items = parts.compactMap { part in
            switch part {
            case .pcre(let text): .verbatim(text)
            case .property(let name): Self.table[name].map { .set($0.set) }
            }
        }
        set.items += added.map { .range($0.0, $0.1) }
        set.negated = isComplement
        guard !removed.isEmpty else { return set }
        var result = CharacterSet()
        result.items = [.set(set)]
        result.intersections = [CharacterSet(ranges: removed).inverted]
        return result
    }
}
