// The classes of ECMA-262, which JSON Schema names as its dialect.
extension ScalarSet {
    package static let digits = ScalarSet(0x30...0x39)
    package static let wordCharacters = ScalarSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    package static let whitespace = ScalarSet(ranges: [
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F, 0x205F...0x205F,
        0x3000...0x3000, 0xFEFF...0xFEFF,
    ])
    package static let lineTerminators = ScalarSet(ranges: [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029])
    package static let surrogates = ScalarSet(0xD800...0xDFFF)

    /// What `\p{name}` stands for, or nil for a property that is not known: general categories by short and long name, and a few others.
    package static func property(_ name: String) -> ScalarSet? {
        var key = name.filter { $0 != "_" && $0 != " " && $0 != "-" }.lowercased()
        for prefix in ["generalcategory=", "gc="] where key.hasPrefix(prefix) { key.removeFirst(prefix.count) }
        switch key {
        case "any": return .all
        case "ascii": return ScalarSet(0...0x7F)
        case "assigned": return categories.names["cn"].map { union(of: $0).complement }
        default: break
        }
        if let members = categories.names[key] { return union(of: members) }
        return categories.properties[key]
    }

    private static func union(of members: [Unicode.GeneralCategory]) -> ScalarSet {
        ScalarSet(ranges: members.flatMap { categories.ranges[$0] ?? [] })
    }

    private struct Categories: Sendable {
        var ranges: [Unicode.GeneralCategory: [ClosedRange<UInt32>]] = [:]
        var properties: [String: ScalarSet] = [:]
        let names: [String: [Unicode.GeneralCategory]]

        init() {
            let members: [(String, String, Unicode.GeneralCategory)] = [
                ("lu", "uppercaseletter", .uppercaseLetter), ("ll", "lowercaseletter", .lowercaseLetter),
                ("lt", "titlecaseletter", .titlecaseLetter), ("lm", "modifierletter", .modifierLetter),
                ("lo", "otherletter", .otherLetter), ("mn", "nonspacingmark", .nonspacingMark), ("mc", "spacingmark", .spacingMark),
                ("me", "enclosingmark", .enclosingMark), ("nd", "decimalnumber", .decimalNumber), ("nl", "letternumber", .letterNumber),
                ("no", "othernumber", .otherNumber), ("pc", "connectorpunctuation", .connectorPunctuation),
                ("pd", "dashpunctuation", .dashPunctuation), ("ps", "openpunctuation", .openPunctuation),
                ("pe", "closepunctuation", .closePunctuation), ("pi", "initialpunctuation", .initialPunctuation),
                ("pf", "finalpunctuation", .finalPunctuation), ("po", "otherpunctuation", .otherPunctuation),
                ("sm", "mathsymbol", .mathSymbol), ("sc", "currencysymbol", .currencySymbol), ("sk", "modifiersymbol", .modifierSymbol),
                ("so", "othersymbol", .otherSymbol), ("zs", "spaceseparator", .spaceSeparator), ("zl", "lineseparator", .lineSeparator),
                ("zp", "paragraphseparator", .paragraphSeparator), ("cc", "control", .control), ("cf", "format", .format),
                ("cs", "surrogate", .surrogate), ("co", "privateuse", .privateUse), ("cn", "unassigned", .unassigned),
            ]
            var names: [String: [Unicode.GeneralCategory]] = [:]
            for (short, long, category) in members {
                names[short] = [category]
                names[long] = [category]
                names[String(short.prefix(1)), default: []].append(category)
            }
            for (long, short) in [
                ("letter", "l"), ("mark", "m"), ("combiningmark", "m"), ("number", "n"), ("punctuation", "p"), ("punct", "p"),
                ("symbol", "s"), ("separator", "z"), ("other", "c"),
            ] { names[long] = names[short] }
            names["lc"] = [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter]
            names["casedletter"] = names["lc"]
            names["digit"] = [.decimalNumber]
            names["cntrl"] = [.control]
            self.names = names

            let flags: [(String, @Sendable (Unicode.Scalar.Properties) -> Bool)] = [
                ("alphabetic", \.isAlphabetic), ("alpha", \.isAlphabetic), ("uppercase", \.isUppercase), ("lowercase", \.isLowercase),
                ("whitespace", \.isWhitespace), ("idstart", \.isIDStart), ("idcontinue", \.isIDContinue), ("emoji", \.isEmoji),
                ("emojipresentation", \.isEmojiPresentation),
            ]
            var found = [[ClosedRange<UInt32>]](repeating: [], count: flags.count)
            for value in 0...ScalarSet.last {
                guard let scalar = Unicode.Scalar(value) else { continue }
                let properties = scalar.properties
                Categories.append(value, to: &ranges[properties.generalCategory, default: []])
                for (index, flag) in flags.enumerated() where flag.1(properties) { Categories.append(value, to: &found[index]) }
            }
            ranges[.surrogate] = [0xD800...0xDFFF]
            for (index, flag) in flags.enumerated() { properties[flag.0] = ScalarSet(ranges: found[index]) }
        }

        private static func append(_ value: UInt32, to ranges: inout [ClosedRange<UInt32>]) {
            if let tail = ranges.last, tail.upperBound + 1 == value {
                ranges[ranges.count - 1] = tail.lowerBound...value
            } else {
                ranges.append(value...value)
            }
        }
    }

    // A walk over all of Unicode: made when a pattern first names a property.
    private static let categories = Categories()

    /// The set with every scalar that differs from a member by simple case mapping alone.
    package var caseInsensitive: ScalarSet {
        var added: [ClosedRange<UInt32>] = []
        for (a, b) in ScalarSet.casePairs {
            if contains(a) { added.append(b...b) }
            if contains(b) { added.append(a...a) }
        }
        // Sets of three, such as k, K and the Kelvin sign: what was added may have partners too.
        let once = ScalarSet(ranges: ranges + added)
        return once == self ? self : once.caseInsensitive
    }

    private static let casePairs: [(UInt32, UInt32)] = {
        var pairs: [(UInt32, UInt32)] = []
        for value in 0...ScalarSet.last {
            guard let scalar = Unicode.Scalar(value) else { continue }
            for mapped in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                let scalars = mapped.unicodeScalars
                if scalars.count == 1, let only = scalars.first, only != scalar { pairs.append((value, only.value)) }
            }
        }
        return pairs
    }()
}
