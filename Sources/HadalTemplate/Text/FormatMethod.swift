/// `str.format`, with the attribute access of the sandbox.
struct FormatMethod {
    private let arguments: CallArguments
    private let mapping: TemplateValue?
    private let run: TemplateRun
    private var automatic = 0
    private var usesAutomatic = false
    private var usesManual = false

    static func format(_ text: String, _ arguments: CallArguments, _ run: TemplateRun, mapping: TemplateValue? = nil) throws -> String {
        var formatter = FormatMethod(arguments: arguments, mapping: mapping, run: run)
        return try formatter.format(Array(text.unicodeScalars)[...], depth: 2)
    }

    private init(arguments: CallArguments, mapping: TemplateValue?, run: TemplateRun) {
        self.arguments = arguments
        self.mapping = mapping
        self.run = run
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    private mutating func format(_ text: ArraySlice<Unicode.Scalar>, depth: Int) throws -> String {
        if depth < 0 { throw TemplateError.runtime("Max string recursion exceeded") }
        var out = ""
        var at = text.startIndex
        while at < text.endIndex {
            let scalar = text[at]
            let next = at + 1 < text.endIndex ? text[at + 1] : nil
            if scalar == "{" || scalar == "}", next == scalar {
                out.unicodeScalars.append(scalar)
                at += 2
            } else if scalar == "}" {
                throw TemplateError.runtime("Single '}' encountered in format string")
            } else if scalar == "{" {
                var level = 1
                var end = at + 1
                while end < text.endIndex {
                    if text[end] == "{" { level += 1 }
                    if text[end] == "}" { level -= 1 }
                    if level == 0 { break }
                    end += 1
                }
                guard level == 0 else { throw TemplateError.runtime("Single '{' encountered in format string") }
                out += try field(text[at + 1..<end], depth: depth)
                at = end + 1
            } else {
                out.unicodeScalars.append(scalar)
                at += 1
            }
            try run.check(bytes: out.utf8.count)
        }
        try run.charge(bytes: out.utf8.count)
        return out
    }

    private mutating func field(_ text: ArraySlice<Unicode.Scalar>, depth: Int) throws -> String {
        // A colon or exclamation mark inside brackets belongs to the key.
        var brackets = 0
        var end = text.startIndex
        while end < text.endIndex {
            if text[end] == "[" { brackets += 1 }
            if text[end] == "]" { brackets -= 1 }
            if brackets <= 0, text[end] == ":" || text[end] == "!" { break }
            end += 1
        }
        var value = try lookup(text[..<end])
        var rest = text[end...]
        if rest.first == "!" {
            guard rest.count > 1 else { throw TemplateError.runtime("end of string while looking for conversion specifier") }
            let conversion = rest[rest.startIndex + 1]
            rest = rest.dropFirst(2)
            switch conversion {
            case "s": value = .string(try value.printed(run))
            case "r": value = .string(try value.represented(run))
            case "a": value = .string(PercentFormat.ascii(try value.represented(run)))
            default: throw TemplateError.runtime("Unknown conversion specifier \(conversion)")
            }
            guard rest.isEmpty || rest.first == ":" else { throw TemplateError.runtime("expected ':' after conversion specifier") }
        }
        let spec = try format(rest.dropFirst(), depth: depth - 1)
        if spec.isEmpty { return try value.printed(run) }
        return try FormatSpec(parsing: spec).apply(value, run)
    }

    private mutating func lookup(_ text: ArraySlice<Unicode.Scalar>) throws -> TemplateValue {
        let end = text.firstIndex { $0 == "." || $0 == "[" } ?? text.endIndex
        var value = try first(FormatMethod.string(text[..<end]))
        var at = end
        while at < text.endIndex {
            if text[at] == "." {
                let stop = text[(at + 1)...].firstIndex { $0 == "." || $0 == "[" } ?? text.endIndex
                guard stop > at + 1 else { throw TemplateError.runtime("Empty attribute in format string") }
                value = try run.attribute(FormatMethod.string(text[(at + 1)..<stop]), of: value)
                at = stop
            } else if text[at] == "[" {
                guard let stop = text[at...].firstIndex(of: "]"), stop > at + 1 else {
                    throw TemplateError.runtime("Missing ']' in format string")
                }
                let key = FormatMethod.string(text[(at + 1)..<stop])
                value = try run.item(Int(key).map { .int($0) } ?? .string(key), of: value)
                at = stop + 1
            } else {
                throw TemplateError.runtime("Only '.' or '[' may follow ']' in format field specifier")
            }
        }
        return value
    }

    private mutating func first(_ name: String) throws -> TemplateValue {
        if let mapping {
            let value = try run.item(.string(name), of: mapping)
            if case .undefined(let why) = value { throw why.error }
            return value
        }
        var index = Int(name)
        if name.isEmpty {
            index = automatic
            automatic += 1
            usesAutomatic = true
        } else if index != nil {
            usesManual = true
        }
        if usesAutomatic, usesManual {
            throw TemplateError.runtime("cannot switch from manual field specification to automatic field numbering")
        }
        if let index {
            guard arguments.positional.indices.contains(index) else {
                throw TemplateError.runtime("Replacement index \(index) out of range for positional args tuple")
            }
            return arguments.positional[index]
        }
        guard let value = arguments.keyword.first(where: { $0.name == name })?.value else {
            throw TemplateError.runtime("KeyError: '\(name)'")
        }
        return value
    }
}
