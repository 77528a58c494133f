/// The terminals that stand between values, with their white space.
///
/// That of `json.dumps`: none, a space behind commas and colons, or a line for each member and item, indented by no more than a bound.
struct JSONTokens {
    let openObject: Grammar.Symbol
    let closeObject: Grammar.Symbol
    let emptyObject: Grammar.Symbol
    let openArray: Grammar.Symbol
    let closeArray: Grammar.Symbol
    let emptyArray: Grammar.Symbol
    let separator: Grammar.Symbol

    /// Follows a property's name.
    static let colon: ByteRegex = .concatenation([.text(":"), .optional(.text(" "))])

    init(grammar: inout Grammar, maximumIndentation: Int) {
        func indentation(_ text: String) -> ByteRegex { .repetition(.text(text), minimum: 0, maximum: maximumIndentation) }
        let line: ByteRegex = .concatenation([.text("\n"), .union([indentation(" "), indentation("\t")])])
        openObject = grammar.terminal(.concatenation([.text("{"), .optional(line)]))
        closeObject = grammar.terminal(.concatenation([.optional(line), .text("}")]))
        emptyObject = grammar.text("{}")
        openArray = grammar.terminal(.concatenation([.text("["), .optional(line)]))
        closeArray = grammar.terminal(.concatenation([.optional(line), .text("]")]))
        emptyArray = grammar.text("[]")
        separator = grammar.terminal(.concatenation([.text(","), .optional(.union([.text(" "), line]))]))
    }
}
