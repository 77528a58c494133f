extension TemplateFilters {
    static let textFilters: [String: Filter] = [
        "upper": text("upper", StringMethods.upper),
        "lower": text("lower", StringMethods.lower),
        "capitalize": text("capitalize", StringMethods.capitalize),
        "title": text("title") { title($0) },
        "string": plain("string") { value, run in value.isMarkup ? value : .string(try value.printed(run)) },
        "safe": plain("safe") { value, run in .markup(try value.printed(run)) },
        "escape": plain("escape", escape), "e": plain("e", escape),
        "forceescape": plain("forceescape") { value, run in .markup(HTMLText.escaped(try value.printed(run))) },
        "striptags": plain("striptags") { value, run in .string(HTMLText.strippedOfTags(try value.printed(run))) },
        "wordcount": plain("wordcount") { value, run in .int(wordCount(try value.printed(run))) },
        "urlencode": plain("urlencode", urlEncode),
        "tojson": toJSON,
        "pprint": plain("pprint") { value, run in .string(try value.represented(run)) },
        "trim": { value, arguments, run in
            let bound = try arguments.bound(to: ["chars"], of: "trim")
            let characters = bound.given(0) == nil ? nil : try bound.text(0)
            let text = try value.printed(run)
            try run.charge(bytes: text.utf8.count)
            let result = StringMethods.strip(text, characters, leading: true, trailing: true)
            return value.isMarkup ? .markup(result) : .string(result)
        },
        "replace": { value, arguments, run in
            let bound = try arguments.bound(to: ["old", "new", "count"], required: 2, of: "replace")
            let limit = bound.given(2) == nil ? -1 : try bound.int(2) ?? -1
            let (old, new) = (try bound[0]?.printed(run) ?? "", try bound[1]?.printed(run) ?? "")
            return .string(try StringMethods.replace(try value.printed(run), old, new, limit: limit < 0 ? nil : limit, run))
        },
        "center": { value, arguments, run in
            let width = try arguments.bound(to: ["width"], of: "center").int(0) ?? 80
            return .string(try StringMethods.pad(try value.printed(run), to: width, with: " ", .center, run))
        },
        "indent": indent,
        "truncate": truncate,
        "wordwrap": wordWrap,
        "format": { value, arguments, run in
            if !arguments.positional.isEmpty, !arguments.keyword.isEmpty {
                throw TemplateError.runtime("can't handle positional and keyword arguments at the same time")
            }
            let text = try value.printed(run)
            if arguments.keyword.isEmpty { return .string(try PercentFormat.apply(text, .tuple(arguments.positional), run)) }
            let members = TemplateDictionary()
            for (name, value) in arguments.keyword { members.set(name, value) }
            return .string(try PercentFormat.apply(text, .dict(members), run))
        },
        "xmlattr": { value, arguments, run in
            let bound = try arguments.bound(to: ["autospace"], of: "xmlattr")
            guard case .dict(let dictionary) = value else { throw TemplateError.type("xmlattr needs a mapping") }
            var parts: [String] = []
            for (key, value) in zip(dictionary.keys, dictionary.values) where !value.isNone && !value.isUndefined {
                let name = try key.printed(run)
                if name.utf8.contains(where: { [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x2F, 0x3E, 0x3D].contains($0) }) {
                    throw TemplateError.runtime("Invalid character in attribute name: \(PythonText.quoted(name))")
                }
                let text = try value.printed(run)
                parts.append("\(HTMLText.escaped(name))=\"\(value.isMarkup ? text : HTMLText.escaped(text))\"")
            }
            let text = parts.joined(separator: " ")
            return .string(bound.isTrue(0, default: true) && !text.isEmpty ? " " + text : text)
        },
    ]

    private static let escape: @Sendable (TemplateValue, TemplateRun) throws -> TemplateValue = { value, run in
        value.isMarkup ? value : .markup(HTMLText.escaped(try value.printed(run)))
    }

    /// Words begin after white space and after - ( { [ <.
    private static func title(_ text: String) -> String {
        func separates(_ scalar: Unicode.Scalar) -> Bool { PythonText.isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) }
        var out = ""
        var word = String.UnicodeScalarView()
        func flush() {
            guard let first = word.first else { return }
            out += StringMethods.upper(String(first)) + StringMethods.lower(String(String.UnicodeScalarView(word.dropFirst())))
            word = String.UnicodeScalarView()
        }
        for scalar in text.unicodeScalars {
            if separates(scalar) {
                flush()
                out.unicodeScalars.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        flush()
        return out
    }

    private static func wordCount(_ text: String) -> Int {
        var count = 0
        var inWord = false
        for scalar in text.unicodeScalars {
            let p = scalar.properties
            let isWord: Bool
            switch p.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: isWord = true
            default: isWord = p.numericType != nil || scalar == "_"
            }
            if isWord, !inWord { count += 1 }
            inWord = isWord
        }
        return count
    }

    private static func percentEncoded(_ value: TemplateValue, isQuery: Bool, _ run: TemplateRun) throws -> String {
        var out = ""
        for byte in try value.printed(run).utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E, 0x2D, 0x7E: out.unicodeScalars.append(Unicode.Scalar(byte))
            case 0x2F where !isQuery: out += "/"
            case 0x20 where isQuery: out += "+"
            default: out += "%" + PythonText.hex(UInt32(byte), digits: 2).uppercased()
            }
        }
        try run.charge(bytes: out.utf8.count)
        return out
    }

    private static let urlEncode: @Sendable (TemplateValue, TemplateRun) throws -> TemplateValue = { value, run in
        if value.text != nil || !value.isIterable { return .string(try percentEncoded(value, isQuery: false, run)) }
        var pairs: [(TemplateValue, TemplateValue)] = []
        if case .dict(let dictionary) = value {
            pairs = Array(zip(dictionary.keys, dictionary.values))
        } else {
            for item in try value.items(run) {
                let pair = try item.items(run)
                guard pair.count == 2 else { throw TemplateError.runtime("urlencode needs pairs") }
                pairs.append((pair[0], pair[1]))
            }
        }
        return .string(
            try pairs.map { "\(try percentEncoded($0, isQuery: true, run))=\(try percentEncoded($1, isQuery: true, run))" }.joined(
                separator: "&"))
    }

    private static let indent: Filter = { value, arguments, run in
        let bound = try arguments.bound(to: ["width", "first", "blank"], of: "indent")
        let indentation: String
        if let text = bound[0]?.text {
            indentation = text
        } else {
            let width = max(0, try bound.int(0) ?? 4)
            try run.charge(bytes: width)
            indentation = String(repeating: " ", count: width)
        }
        if case .undefined(let why) = value { throw why.error }
        guard let text = value.text else { throw TemplateError.type("indent needs a string, not \(value.typeName)") }
        let lines = StringMethods.splitLines(text + "\n")
        try run.charge(bytes: text.utf8.count)
        let (added, overflow) = lines.count.multipliedReportingOverflow(by: indentation.utf8.count)
        try run.charge(bytes: overflow ? Int.max : added)
        let isBlank = bound.isTrue(2)
        var result = ""
        for (i, line) in lines.enumerated() {
            if i > 0 { result += "\n" + (isBlank || !line.isEmpty ? indentation : "") }
            result += line
        }
        if bound.isTrue(1) { result = indentation + result }
        return value.isMarkup ? .markup(result) : .string(result)
    }

    private static let truncate: Filter = { value, arguments, run in
        let bound = try arguments.bound(to: ["length", "killwords", "end", "leeway"], of: "truncate")
        let length = try bound.int(0) ?? 255
        let end = try bound.text(2) ?? "..."
        let leeway = bound.given(3) == nil ? 5 : try bound.int(3) ?? 5
        let tail = PythonText.length(end)
        guard length >= tail, leeway >= 0 else { throw TemplateError.runtime("expected length >= \(tail), got \(length)") }
        let count = try value.length()
        let (most, overflow) = length.addingReportingOverflow(leeway)
        if overflow || count <= most { return value }
        guard let text = value.text else { throw TemplateError.type("truncate needs a string, not \(value.typeName)") }
        let head = try Slicing.slice(text, 0, length - tail, nil)
        if bound.isTrue(1) { return .string(head + end) }
        return .string((StringMethods.splitFromEnd(head, at: " ", limit: 1).first ?? head) + end)
    }

    private static let wordWrap: Filter = { value, arguments, run in
        let bound = try arguments.bound(to: ["width", "break_long_words", "wrapstring", "break_on_hyphens"], of: "wordwrap")
        let width = try bound.int(0) ?? 79
        guard width > 0 else { throw TemplateError.runtime("invalid width \(width) (must be > 0)") }
        let joiner = bound.given(2) == nil ? "\n" : try bound.text(2) ?? "\n"
        guard let text = value.text else { throw TemplateError.type("wordwrap needs a string, not \(value.typeName)") }
        try run.charge(bytes: text.utf8.count)
        let lines = StringMethods.splitLines(text).map {
            WordWrap.wrap($0, width: width, breaksWords: bound.isTrue(1, default: true), breaksHyphens: bound.isTrue(3, default: true))
                .joined(separator: joiner)
        }
        return .string(lines.joined(separator: joiner))
    }

    private static let toJSON: Filter = { value, arguments, run in
        let bound = try arguments.bound(to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
        var writer = PythonJSON(ensureASCII: bound.isTrue(0), sortsKeys: bound.isTrue(3), run: run)
        if let indent = bound.given(1) {
            if let text = indent.text {
                writer.indent = text
            } else {
                let width = max(0, try bound.int(1) ?? 0)
                try run.charge(bytes: width)
                writer.indent = String(repeating: " ", count: width)
            }
            writer.itemSeparator = ","
        }
        if let separators = bound.given(2) {
            let parts = try separators.items(run)
            guard parts.count == 2, let item = parts[0].text, let key = parts[1].text else {
                throw TemplateError.type("separators must be two strings")
            }
            (writer.itemSeparator, writer.keySeparator) = (item, key)
        }
        return .string(try writer.text(of: value))
    }
}
