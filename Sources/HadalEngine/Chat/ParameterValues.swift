import HadalConstraints
import HadalText

/// The texts of a parameter that is written without quotation marks, as the parser of calls reads them: a parameter that may be a string is
/// the text as it stands, any other is JSON.
struct ParameterValues {
    private let texts: JSONSchemaReader.Property
    private let types: Set<String>
    private let avoided: [String]

    /// - Parameter avoided: texts that end a value, or seem to.
    init(_ texts: JSONSchemaReader.Property, _ types: Set<String>, avoided: [String]) {
        (self.texts, self.types, self.avoided) = (texts, types, avoided)
    }

    /// - Parameters:
    ///   - isString: whether the text says that the value is a string; nil: it says nothing.
    ///   - trims: a line end at either side is no part of the value.
    /// - Returns: nil where there are none.
    func symbol(_ grammar: inout Grammar, isString: Bool?, trims: Bool) -> Grammar.Symbol? {
        let value: Grammar.Symbol
        if isString ?? types.contains("string") {
            guard let plain = plain(withNull: isString == nil, trims: trims) else { return nil }
            value = grammar.terminal(plain)
        } else {
            guard let json = texts.json, isString == nil || types != ["string"] else { return nil }
            value = json
        }
        guard trims else { return value }
        let line = grammar.terminal(.optional(.text("\n")))
        return grammar.rule([[line, value, line]])
    }

    private func plain(withNull: Bool, trims: Bool) -> ByteRegex? {
        let saysNull = withNull && types.contains("null")
        var members: [ByteRegex] = []
        if let strings = texts.strings {
            var conditions = [strings.bytes()] + avoided.map { .complement(.containing($0)) }
            let lineEnd = ByteRegex.set(ByteSet("\r\n".utf8))
            if trims {
                conditions.append(.complement(.concatenation([lineEnd, .anyBytes])))
                conditions.append(.complement(.concatenation([.anyBytes, lineEnd])))
            }
            if saysNull { conditions.append(.complement(.text("null"))) }
            members.append(.intersection(conditions))
        }
        if saysNull, texts.allowsNull { members.append(.text("null")) }
        return members.isEmpty ? nil : members.count == 1 ? members[0] : .union(members)
    }
}
