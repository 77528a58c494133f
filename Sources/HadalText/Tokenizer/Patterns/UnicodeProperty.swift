import HadalCore

/// Unicode properties by the names that published patterns use, as PCRE2 and the Unicode version of the reference
/// implementations understand them.
enum UnicodeProperty {
    private static let longNames = [
        "letter": "L", "uppercaseletter": "Lu", "lowercaseletter": "Ll", "titlecaseletter": "Lt", "modifierletter": "Lm",
        "otherletter": "Lo", "mark": "M", "nonspacingmark": "Mn", "spacingmark": "Mc", "enclosingmark": "Me", "number": "N",
        "decimalnumber": "Nd", "letternumber": "Nl", "othernumber": "No", "punctuation": "P", "punct": "P",
        "connectorpunctuation": "Pc", "dashpunctuation": "Pd", "openpunctuation": "Ps", "closepunctuation": "Pe",
        "initialpunctuation": "Pi", "finalpunctuation": "Pf", "otherpunctuation": "Po", "symbol": "S", "mathsymbol": "Sm",
        "currencysymbol": "Sc", "modifiersymbol": "Sk", "othersymbol": "So", "separator": "Z", "spaceseparator": "Zs",
        "lineseparator": "Zl", "paragraphseparator": "Zp", "other": "C", "control": "Cc", "format": "Cf", "digit": "Nd",
    ]

    /// Names that PCRE2 knows as binary properties; any other long name is taken as a script.
    private static let binary: Set<String> = [
        "alphabetic", "alpha", "uppercase", "upper", "lowercase", "lower", "whitespace", "emoji", "emojipresentation",
        "emojimodifier", "extendedpictographic", "extpict", "ideographic", "any", "ascii", "idstart", "idcontinue", "xidstart",
        "xidcontinue", "math", "dash", "diacritic", "cased",
    ]

    /// Code points assigned after Unicode 14, by category. PCRE2 10.42 does not know them; naming them twice does no harm.
    private static let additions: [String: [(UInt32, UInt32)]] = {
        guard let document = try? JSONDocument(parsing: String(decoding: PackageResources.unicode_json, as: UTF8.self), file: "unicode.json"),
            let categories = document.root["assigned_since_14"]?.object
        else { return [:] }
        var table: [String: [(UInt32, UInt32)]] = [:]
        for member in categories.members {
            table[member.key] = (member.value.array ?? []).compactMap { pair in
                guard let ends = pair.array, ends.count == 2, let low = ends[0].int, let high = ends[1].int else { return nil }
                return (UInt32(clamping: low), UInt32(clamping: high))
            }
        }
        return table
    }()

    /// The set of a property. A name that nobody knows gives a set that PCRE2 will refuse.
    static func set(named name: String) -> CharacterSet {
        var name = name
        var set = CharacterSet()
        if name.hasPrefix("^") {
            name.removeFirst()
            set.negated = true
        }
        let folded = name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
        if folded == "space" || folded == "whitespace" {
            set.items = CharacterSet.whiteSpace.items
            return set
        }
        let short = longNames[folded] ?? name
        let isCategory = short.utf8.count <= 2
        if isCategory {
            set.items = [.verbatim("\\p{\(short)}")]
            for (category, ranges) in additions.sorted(by: { $0.key < $1.key }) {
                guard category == short || (short.utf8.count == 1 && category.hasPrefix(short)) else { continue }
                set.items += ranges.map { .range($0.0, $0.1) }
            }
        } else if binary.contains(folded) {
            set.items = [.verbatim("\\p{\(name)}")]
        } else {
            set.items = [.verbatim("\\p{sc:\(name)}")]
        }
        return set
    }
}
