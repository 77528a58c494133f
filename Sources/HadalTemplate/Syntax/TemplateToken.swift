/// A lexical element of a template.
struct TemplateToken: Sendable {
    enum Kind: String, Sendable {
        case data, name, string, integer, float
        case variableBegin = "begin of print statement"
        case variableEnd = "end of print statement"
        case blockBegin = "begin of statement block"
        case blockEnd = "end of statement block"
        case end = "end of template"
        case add = "+"
        case subtract = "-"
        case divide = "/"
        case floorDivide = "//"
        case multiply = "*"
        case modulo = "%"
        case power = "**"
        case tilde = "~"
        case leftBracket = "["
        case rightBracket = "]"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBrace = "{"
        case rightBrace = "}"
        case equal = "=="
        case notEqual = "!="
        case greater = ">"
        case greaterOrEqual = ">="
        case less = "<"
        case lessOrEqual = "<="
        case assign = "="
        case dot = "."
        case colon = ":"
        case pipe = "|"
        case comma = ","
        case semicolon = ";"
    }

    var kind: Kind
    /// The text of data, names and strings (unescaped); digits of numbers without underscores.
    var text: String
    /// 1-based.
    var line: Int

    var described: String {
        switch kind {
        case .name: text
        case .data: "template data / text"
        default: kind.rawValue
        }
    }
}
