/// A parsed expression of Hadal's small total language: every expression ends, none has effects.
///
/// Grammar, loosest binding first: `c ? a : b`, `||`, `&&`, `== != < <= > >=`, `+ -`, `* / // %`, unary `- !`, `a[i]`.
/// Literals: numbers, `'text'`, `true`, `false`, `null`, `[a, b]`. Functions: `min max floor ceil round abs sqrt log exp
/// tanh erf sin cos pow len sum int has`. `/` gives an integer when both sides are integers and the division is exact, else a float; `//`
/// rounds down. `a[i]` is an entry of a list or a character (Unicode scalar) of a text. `has(name)` is true when the name is known and not null.
package struct Expression: Sendable {
    package indirect enum Node: Sendable {
        case literal(ExpressionValue)
        case name(String)
        case array([Node])
        case unary(String, Node)
        case binary(String, Node, Node)
        case conditional(Node, Node, Node)
        case index(Node, Node)
        case call(String, [Node])
        case has(String)
    }

    /// The text as written.
    package let text: String
    package let root: Node

    /// - Throws: `HadalError.malformed` that quotes the text and names the column.
    package init(parsing text: String) throws {
        var parser = ExpressionParser(text: text)
        self.text = text
        self.root = try parser.parse()
    }

    /// Every free name in the expression, `has(name)` arguments included.
    package var names: Set<String> {
        var found: Set<String> = []
        func walk(_ node: Node) {
            switch node {
            case .literal: break
            case .name(let name), .has(let name): found.insert(name)
            case .array(let items), .call(_, let items): items.forEach(walk)
            case .unary(_, let a): walk(a)
            case .binary(_, let a, let b), .index(let a, let b): walk(a); walk(b)
            case .conditional(let c, let a, let b): walk(c); walk(a); walk(b)
            }
        }
        walk(root)
        return found
    }

    /// The literal value, when the expression is nothing but one.
    package var constant: ExpressionValue? { if case .literal(let value) = root { value } else { nil } }

    /// The name, when the expression is nothing but one.
    package var bareName: String? { if case .name(let name) = root { name } else { nil } }
}
