import HadalConstraints
import HadalCore
import HadalText

/// Writes the calls that a model may make of some tools as a grammar: in the model's own form, with arguments that fit their schemas.
struct ToolCallGrammar {
    typealias Symbol = Grammar.Symbol

    private let form: WrittenCallForm
    private let tools: [Tool]
    private let texts: ControlTokenText
    /// The prompt has written the first text of the pattern.
    private let isBegun: Bool
    private var grammar = Grammar()
    private let space: Symbol
    /// A token that ends the model's output has been reached.
    private var isEnded = false

    init(_ form: WrittenCallForm, _ tools: [Tool], _ texts: ControlTokenText, isBegun: Bool = false) {
        (self.form, self.tools, self.texts, self.isBegun) = (form, tools, texts, isBegun)
        space = grammar.terminal(.optional(.set(ByteSet(" \n".utf8))))
    }

    /// Calls, with what the model writes around a group of them.
    ///
    /// - Parameter many: more than one may be made.
    /// - Throws: `unsupported` for what a schema or a tool's name has and the form cannot write, with the tool's name; as
    ///   `JSONSchemaReader.grammar`.
    mutating func group(many: Bool) throws -> Symbol {
        var symbols = try literal(form.begin).map { [$0, space] } ?? []
        symbols += try calls(many: many)
        if !isEnded, let end = try literal(form.end) { symbols += [space, end] }
        return grammar.rule([symbols])
    }

    /// The grammar, of texts of any of these.
    mutating func finished(_ alternatives: [[Symbol]]) -> Grammar {
        grammar.start = grammar.rule(alternatives)
        return grammar
    }

    /// One call, or a list of them, with nothing around it.
    mutating func calls(many: Bool) throws -> [Symbol] {
        let isShared = form.pattern.elements.contains { [.calls, .named, .python].contains($0) }
        let call: Symbol
        if isShared {
            call = grammar.rule([try pattern(of: nil, many: many)])
        } else {
            var alternatives: [[Symbol]] = []
            for tool in tools { alternatives.append(try pattern(of: tool, many: many)) }
            call = grammar.rule(alternatives)
        }
        guard many, !isEnded, !form.isList, !form.isBare else { return [call] }
        let further = grammar.declareRule()
        grammar.define(further, [[], [space, call, further]])
        return [call, further]
    }

    private mutating func literal(_ text: [UInt8]) throws -> Symbol? {
        if text.isEmpty { return nil }
        let (bytes, endsText) = try texts.literal(text)
        if endsText { isEnded = true }
        return grammar.terminal(.bytes(bytes))
    }

    private mutating func text(_ text: String) -> Symbol { grammar.text(text) }

    // MARK: One pattern

    /// - Parameter tool: nil where the pattern holds calls of any.
    private mutating func pattern(of tool: Tool?, many: Bool) throws -> [Symbol] {
        var symbols: [Symbol] = []
        let elements = form.pattern.elements.dropFirst(isBegun ? 1 : 0)
        for (index, element) in zip(elements.indices, elements) {
            switch element {
            case .literal(let bytes): symbols += try literal(bytes).map { [$0] } ?? []
            case .space: symbols.append(separatesWords(elements, at: index) ? grammar.terminal(.set(ByteSet(" \n".utf8))) : space)
            case .word(.name): symbols.append(text(try word(tool)))
            case .word(.kind): symbols.append(text("function"))
            case .word(.index):
                symbols.append(grammar.terminal(.repetition(.set(ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))), minimum: 1, maximum: 2)))
            case .word, .text: symbols.append(identifier())
            case .arguments, .object: symbols.append(try arguments(of: tool))
            case .calls, .named:
                symbols.append(try list("[", "]", try tools.map { try object(of: $0, isNamed: element == .named) }, many: many))
            case .python:
                symbols.append(try list("[", "]", try tools.map { [text(try word($0) + "(")] + (try keywords(of: $0)) }, many: many))
            case .keywords: symbols += try keywords(of: tool)
            case .parameters, .elements: symbols.append(try parameters(of: tool, isElement: element == .elements))
            }
            if isEnded { break }
        }
        return symbols
    }

    /// Whether white space stands between a word and a text that would go on with it.
    private func separatesWords(_ elements: ArraySlice<ToolCallPattern.Element>, at index: Int) -> Bool {
        guard index > elements.startIndex, index + 1 < elements.endIndex, case .word = elements[index - 1],
            let next = elements[index + 1].literal?.first
        else { return false }
        return Unicode.Scalar(next).properties.isAlphabetic
    }

    private mutating func identifier() -> Symbol {
        let letters = ByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
        return grammar.terminal(.repetition(.set(letters), minimum: 9, maximum: 9))
    }

    /// One of some, or a list of them.
    private mutating func list(_ open: String, _ close: String, _ alternatives: [[Symbol]], many: Bool) throws -> Symbol {
        let one = grammar.rule(alternatives)
        guard form.isList else { return one }
        let further = grammar.declareRule()
        grammar.define(further, many ? [[], [grammar.terminal(.text(", ")), one, further]] : [[]])
        return grammar.rule([[text(open), one, further, text(close)]])
    }

    /// A JSON object with the call's name and arguments, or one whose only key is the name.
    private mutating func object(of tool: Tool, isNamed: Bool) throws -> [Symbol] {
        let colon = grammar.terminal(.concatenation([.text(":"), .optional(.text(" "))]))
        let name = JSON(.string(try word(tool))).text()
        if isNamed { return [text("{" + name), colon, try arguments(of: tool), text("}")] }
        let comma = grammar.terminal(.concatenation([.text(","), .optional(.text(" "))]))
        return [
            text("{\"\(form.nameKey)\""), colon, text(name), comma, text("\"\(form.argumentsKey)\""), colon, try arguments(of: tool),
            text("}"),
        ]
    }

    private func word(_ tool: Tool?) throws -> String {
        guard let name = tool?.name, !name.isEmpty, name.utf8.count < 256,
            !name.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || Array("\"'<>[]{}()`".utf8).contains($0) })
        else { throw HadalError(.unsupported, "the model's form of calls cannot name a tool '\(tool?.name ?? "")'") }
        return name
    }

    // MARK: Arguments

    /// The schema of a tool's arguments, which are an object.
    private func schema(of tool: Tool?) throws -> JSON {
        guard var schema = tool?.parameters?.object else { return ["type": "object"] }
        if schema["type"] == nil { schema["type"] = "object" }
        return JSON(.object(schema))
    }

    private mutating func arguments(of tool: Tool?) throws -> Symbol {
        let schema = try schema(of: tool)
        return try Self.placed(tool) { try JSONSchemaReader.add(schema, to: &grammar) }
    }

    private static func placed<Result>(_ tool: Tool?, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as HadalError {
            throw HadalError(error.code, "tool '\(tool?.name ?? "")': \(error.message)", at: error.place, hint: error.hint)
        }
    }

    /// `a=1, b="x")`
    private mutating func keywords(of tool: Tool?) throws -> [Symbol] {
        let members = try properties(of: tool) { grammar, property in
            guard let json = property.texts.json else { return nil }
            return [grammar.text(property.name + "="), json]
        }
        // By whether one came before.
        var (first, later) = ([text(")")], [text(")")])
        for member in members.reversed() {
            let (skipFirst, skipLater) = (first, later)
            let behind = grammar.rule([later])
            first = [grammar.rule([member.symbols + [behind]] + (member.isRequired ? [] : [skipFirst]))]
            later = [grammar.rule([[text(", ")] + member.symbols + [behind]] + (member.isRequired ? [] : [skipLater]))]
        }
        return first
    }

    /// Parameters in the format's first pattern for them, or as elements that have their names.
    private mutating func parameters(of tool: Tool?, isElement: Bool) throws -> Symbol {
        let form = form
        let texts = texts
        var avoided = (form.format.end + form.format.triggers).map { String(decoding: $0, as: UTF8.self) }
        for element in form.pattern.elements {
            if case .literal(let bytes) = element { avoided.append(String(decoding: bytes, as: UTF8.self)) }
        }
        for parameter in form.format.parameters { avoided += parameter.pattern.literals.filter { $0.utf8.count > 2 } }
        if !form.format.mark.isEmpty { avoided.append(String(decoding: form.format.mark, as: UTF8.self)) }
        let members = try properties(of: tool, avoiding: avoided) { grammar, property in
            let values = ParameterValues(property.texts, property.types, avoided: avoided)
            if isElement {
                func tag(_ text: String) throws -> Symbol {
                    grammar.terminal(.bytes(try texts.literal(form.format.mark + Array(text.utf8)).bytes))
                }
                let value = values.symbol(&grammar, isString: nil, trims: false)
                return try value.map { [try tag("<\(property.name)>"), $0, try tag("</\(property.name)>")] }
            }
            guard let parameter = form.format.parameters.first else { return nil }
            let marksStrings = parameter.pattern.elements.contains { $0 == .text(.string) }
            var alternatives: [[Symbol]] = []
            for isString: Bool? in marksStrings ? [true, false] : [nil] {
                guard let value = values.symbol(&grammar, isString: isString, trims: parameter.trims) else { continue }
                var symbols: [Symbol] = []
                for element in parameter.pattern.elements {
                    switch element {
                    case .literal(let bytes): symbols.append(grammar.terminal(.bytes(try texts.literal(bytes).bytes)))
                    case .text(.key): symbols.append(grammar.text(property.name))
                    case .text(.string): symbols.append(grammar.text(isString == true ? "true" : "false"))
                    case .text: symbols.append(value)
                    default: symbols.append(grammar.terminal(.optional(.set(ByteSet(" \n".utf8)))))
                    }
                }
                alternatives.append(symbols)
            }
            return alternatives.isEmpty ? nil : [grammar.rule(alternatives)]
        }
        var symbols: [Symbol] = []
        for member in members {
            let whole = grammar.rule([[space] + member.symbols])
            symbols.append(member.isRequired ? whole : grammar.rule([[whole], []]))
        }
        return grammar.rule([symbols])
    }

    private struct Property {
        let name: String
        let texts: JSONSchemaReader.Property
        /// As the parser of calls sees them.
        let types: Set<String>
    }

    /// The properties of a tool's arguments, in the schema's order.
    ///
    /// - Parameter write: gives the symbols of one; nil where it can have no value.
    private mutating func properties(
        of tool: Tool?, avoiding avoided: [String] = [], _ write: (inout Grammar, Property) throws -> [Symbol]?
    ) throws -> [(symbols: [Symbol], isRequired: Bool)] {
        let schema = try schema(of: tool)
        // What ties properties to each other cannot be told where they are written one by one.
        let known: Set<String> = [
            "type", "properties", "required", "additionalProperties", "title", "description", "$schema", "$id", "$defs", "definitions",
            "$comment", "default", "examples", "strict",
        ]
        return try Self.placed(tool) {
            for key in schema.object?.keys ?? [] where !known.contains(key) {
                throw HadalError(
                    .unsupported, "/\(key): the model's form of calls writes arguments one by one, and this cannot be enforced")
            }
            let required = Set((schema["required"]?.array ?? []).compactMap { $0.string.map { ExactString($0) } })
            var names = schema["properties"]?.object?.keys.map { ExactString($0) } ?? []
            names += required.subtracting(names).sorted { $0.text < $1.text }
            var found: [(symbols: [Symbol], isRequired: Bool)] = []
            for name in names {
                let texts = try JSONSchemaReader.add(property: name.text, of: schema, avoiding: avoided, to: &grammar)
                guard name.text.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_.-]*/) != nil else {
                    throw HadalError(.unsupported, "/properties/\(name.text): the model's form of calls cannot write this name")
                }
                let property = Property(name: name.text, texts: texts, types: OfferedTools.types(schema["properties"]?[name.text]))
                if let symbols = try write(&grammar, property) {
                    found.append((symbols, required.contains(name)))
                } else if required.contains(name) {
                    throw HadalError(.unsupported, "/properties/\(name.text): no value satisfies the schema")
                }
            }
            return found
        }
    }
}
