import HadalCore

/// Methods of `str`.
enum TextMethods {
    static func call(_ text: String, _ name: String, _ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue {
        try run.charge(bytes: text.utf8.count)
        switch name {
        case "strip", "lstrip", "rstrip":
            let bound = try arguments.bound(to: ["chars"], of: name)
            return .string(StringMethods.strip(text, try optionalText(bound, 0), leading: name != "rstrip", trailing: name != "lstrip"))
        case "split", "rsplit": return try split(text, name, arguments)
        case "splitlines":
            let bound = try arguments.bound(to: ["keepends"], of: name)
            return strings(StringMethods.splitLines(text, keepEnds: bound.isTrue(0)))
        case "startswith", "endswith": return try affix(text, name, arguments)
        case "replace":
            let bound = try arguments.bound(to: ["old", "new", "count"], required: 2, of: name)
            let limit = try bound.int(2) ?? -1
            return .string(
                try StringMethods.replace(text, try bound.text(0) ?? "", try bound.text(1) ?? "", limit: limit < 0 ? nil : limit, run))
        case "join":
            let bound = try arguments.bound(to: ["iterable"], required: 1, of: name)
            return .string(try join(bound[0] ?? .null, separator: text, run))
        case "find", "rfind", "index", "rindex", "count": return try find(text, name, arguments)
        case "format": return .string(try FormatMethod.format(text, arguments, run))
        case "format_map":
            let bound = try arguments.bound(to: ["mapping"], required: 1, of: name)
            return .string(try FormatMethod.format(text, CallArguments(), run, mapping: bound[0]))
        case "center", "ljust", "rjust":
            let bound = try arguments.bound(to: ["width", "fillchar"], required: 1, of: name)
            let fill = try bound.text(1) ?? " "
            guard PythonText.length(fill) == 1 else { throw TemplateError.type("The fill character must be exactly one character long") }
            let alignment: StringMethods.Alignment = name == "center" ? .center : name == "ljust" ? .left : .right
            return .string(try StringMethods.pad(text, to: try bound.int(0) ?? 0, with: fill, alignment, run))
        case "zfill":
            let width = try arguments.bound(to: ["width"], required: 1, of: name).int(0) ?? 0
            let hasSign = text.utf8.first == 0x2B || text.utf8.first == 0x2D
            let body = hasSign ? String(text.unicodeScalars.dropFirst()) : text
            let sign = hasSign ? String(text.unicodeScalars.prefix(1)) : ""
            return .string(sign + (try StringMethods.pad(body, to: width - (hasSign ? 1 : 0), with: "0", .right, run)))
        case "partition", "rpartition": return try partition(text, name, arguments)
        case "removeprefix", "removesuffix":
            let part = try arguments.bound(to: ["affix"], required: 1, of: name).text(0) ?? ""
            let bytes = Array(text.utf8)
            let size = part.utf8.count
            if name == "removeprefix" {
                return .string(bytes.starts(with: part.utf8) ? TextSearch.string(bytes[size...]) : text)
            }
            return .string(
                size > 0 && bytes.count >= size && bytes.suffix(size).elementsEqual(part.utf8)
                    ? TextSearch.string(bytes[..<(bytes.count - size)]) : text)
        case "expandtabs":
            let width = try arguments.bound(to: ["tabsize"], of: name).int(0) ?? 8
            return .string(try expandTabs(text, width, run))
        default:
            _ = try arguments.bound(to: [], of: name)
            return plain(text, name)
        }
    }

    private static func plain(_ text: String, _ name: String) -> TemplateValue {
        func all(_ test: (Unicode.Scalar.Properties) -> Bool) -> TemplateValue {
            .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { test($0.properties) })
        }
        func isLetter(_ p: Unicode.Scalar.Properties) -> Bool {
            [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter].contains(p.generalCategory)
        }
        switch name {
        case "lower": return .string(StringMethods.lower(text))
        case "casefold":
            return .string(
                StringMethods.lower(text).unicodeScalars.reduce(into: "") {
                    $0 += $1 == "\u{DF}" ? "ss" : $1 == "\u{3C2}" ? "\u{3C3}" : String($1)
                })
        case "upper": return .string(StringMethods.upper(text))
        case "capitalize": return .string(StringMethods.capitalize(text))
        case "title": return .string(StringMethods.title(text))
        case "swapcase": return .string(StringMethods.swapCase(text))
        case "isalpha": return all(isLetter)
        case "isalnum": return all { isLetter($0) || $0.numericType != nil }
        case "isdigit": return all { $0.numericType == .decimal || $0.numericType == .digit }
        case "isdecimal": return all { $0.numericType == .decimal }
        case "isnumeric": return all { $0.numericType != nil }
        case "isspace": return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(PythonText.isSpace))
        case "isascii": return .bool(PythonText.isASCII(text))
        case "isprintable": return .bool(text.unicodeScalars.allSatisfy(PythonText.isPrintable))
        case "islower": return .bool(StringMethods.isLower(text))
        case "isupper": return .bool(StringMethods.isUpper(text))
        case "istitle": return .bool(StringMethods.isTitle(text))
        default:  // isidentifier
            guard let first = text.unicodeScalars.first else { return .bool(false) }
            return .bool((first == "_" || first.properties.isXIDStart) && text.unicodeScalars.allSatisfy { $0.properties.isXIDContinue })
        }
    }

    private static func strings(_ texts: [String]) -> TemplateValue { .list(texts.map { .string($0) }) }

    private static func optionalText(_ bound: BoundArguments, _ at: Int) throws -> String? {
        bound.given(at) == nil ? nil : try bound.text(at)
    }

    private static func split(_ text: String, _ name: String, _ arguments: CallArguments) throws -> TemplateValue {
        let bound = try arguments.bound(to: ["sep", "maxsplit"], of: name)
        let count = try bound.int(1) ?? -1
        let limit = count < 0 ? nil : Optional(count)
        guard let separator = try optionalText(bound, 0) else {
            if name == "rsplit", let limit { return strings(StringMethods.splitWordsFromEnd(text, limit: limit)) }
            return strings(StringMethods.splitWords(text, limit: limit))
        }
        if separator.isEmpty { throw TemplateError.runtime("empty separator") }
        return strings(
            name == "rsplit"
                ? StringMethods.splitFromEnd(text, at: separator, limit: limit ?? Int.max)
                : StringMethods.split(text, at: separator, limit: limit))
    }

    private static func affix(_ text: String, _ name: String, _ arguments: CallArguments) throws -> TemplateValue {
        let bound = try arguments.bound(to: ["affix", "start", "end"], required: 1, of: name)
        let (start, stop) = (bound.given(1) == nil ? nil : try bound.int(1), bound.given(2) == nil ? nil : try bound.int(2))
        if let start, start > PythonText.length(text) { return .bool(false) }
        let part = start == nil && stop == nil ? text : try Slicing.slice(text, start, stop, nil)
        let bytes = Array(part.utf8)
        func matches(_ value: TemplateValue) throws -> Bool {
            guard let wanted = value.text else {
                if case .undefined = value { throw TemplateError.type("\(name) first arg must be str or a tuple of str, not Undefined") }
                throw TemplateError.type("\(name) first arg must be str or a tuple of str, not \(value.typeName)")
            }
            let affix = Array(wanted.utf8)
            return name == "startswith"
                ? bytes.starts(with: affix) : bytes.count >= affix.count && bytes.suffix(affix.count).elementsEqual(affix)
        }
        if let choices = bound[0]?.tupleItems { return .bool(try choices.contains(where: matches)) }
        return .bool(try matches(bound[0] ?? .null))
    }

    static func join(_ value: TemplateValue, separator: String, _ run: TemplateRun) throws -> String {
        var out = ""
        for (i, item) in try value.items(run).enumerated() {
            guard let text = item.text else {
                throw TemplateError.type("sequence item \(i): expected str instance, \(item.typeName) found")
            }
            if i > 0 { out += separator }
            out += text
            try run.check(bytes: out.utf8.count)
        }
        try run.charge(bytes: out.utf8.count)
        return out
    }

    private static func find(_ text: String, _ name: String, _ arguments: CallArguments) throws -> TemplateValue {
        let bound = try arguments.bound(to: ["sub", "start", "end"], required: 1, of: name)
        let part = Array((try bound.text(0) ?? "").utf8)
        let total = PythonText.length(text)
        let start = bound.given(1) == nil ? nil : try bound.int(1)
        let stop = bound.given(2) == nil ? nil : try bound.int(2)
        let (first, _, count) = try Slicing.indices(total, start, stop, nil)
        let bytes = Array((count == total ? text : try Slicing.slice(text, start, stop, nil)).utf8)
        let isBeyond = (start ?? 0) > total
        if name == "count" {
            if isBeyond { return .int(0) }
            if part.isEmpty { return .int(count + 1) }
            var hits = 0
            var at = 0
            while let hit = TextSearch.first(of: part, in: bytes, from: at) {
                hits += 1
                at = hit + part.count
            }
            return .int(hits)
        }
        let isReverse = name == "rfind" || name == "rindex"
        let hit =
            isBeyond
            ? nil : isReverse ? TextSearch.last(of: part, in: bytes, before: bytes.count) : TextSearch.first(of: part, in: bytes, from: 0)
        if let hit {
            var before = 0
            for byte in bytes[..<hit] where byte & 0xC0 != 0x80 { before += 1 }
            return .int(first + before)
        }
        if name == "index" || name == "rindex" { throw TemplateError.runtime("substring not found") }
        return .int(-1)
    }

    private static func partition(_ text: String, _ name: String, _ arguments: CallArguments) throws -> TemplateValue {
        let separator = try arguments.bound(to: ["sep"], required: 1, of: name).text(0) ?? ""
        if separator.isEmpty { throw TemplateError.runtime("empty separator") }
        let pieces =
            name == "partition"
            ? StringMethods.split(text, at: separator, limit: 1) : StringMethods.splitFromEnd(text, at: separator, limit: 1)
        if pieces.count == 2 { return .tuple([.string(pieces[0]), .string(separator), .string(pieces[1])]) }
        return .tuple((name == "partition" ? [text, "", ""] : ["", "", text]).map { .string($0) })
    }

    private static func expandTabs(_ text: String, _ width: Int, _ run: TemplateRun) throws -> String {
        var out = String.UnicodeScalarView()
        var column = 0
        for scalar in text.unicodeScalars {
            if scalar == "\t" {
                guard width > 0 else { continue }
                let spaces = width - column % width
                try run.charge(bytes: spaces)
                out.append(contentsOf: String(repeating: " ", count: spaces).unicodeScalars)
                column += spaces
            } else {
                out.append(scalar)
                column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
            }
        }
        return String(out)
    }
}
