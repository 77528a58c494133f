import HadalCore

/// A node of an expression.
///
/// Nodes know the depth of the tree below them, so that no recursion over a tree is deeper than the parser allowed.
final class TemplateExpression: Sendable {
    enum Literal: Sendable {
        case none
        case bool(Bool)
        case int(Int)
        case bigInteger(BigInteger)
        case float(Double)
        case string(String)
    }

    enum Operator: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case floorDivide = "//"
        case modulo = "%"
        case power = "** or pow()"
    }

    enum Comparison: String, Sendable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case contained = "in"
        case notContained = "not in"
    }

    struct Pair: Sendable {
        var key: TemplateExpression
        var value: TemplateExpression
    }

    struct Operand: Sendable {
        var comparison: Comparison
        var value: TemplateExpression
    }

    struct Arguments: Sendable {
        struct Keyword: Sendable {
            var name: String
            var value: TemplateExpression
        }
        var positional: [TemplateExpression] = []
        var keyword: [Keyword] = []
        /// `*expression`
        var unpackedPositional: TemplateExpression?
        /// `**expression`
        var unpackedKeyword: TemplateExpression?

        var children: [TemplateExpression] {
            positional + keyword.map(\.value) + [unpackedPositional, unpackedKeyword].compactMap { $0 }
        }
    }

    enum Kind: Sendable {
        case literal(Literal)
        case name(VariableReference)
        /// `name.attribute` as a target of `set`.
        case namespaceTarget(VariableReference, String)
        case list([TemplateExpression])
        case tuple([TemplateExpression])
        case dict([Pair])
        case attribute(TemplateExpression, String)
        case subscripted(TemplateExpression, TemplateExpression)
        case slice(TemplateExpression?, TemplateExpression?, TemplateExpression?)
        case call(TemplateExpression, Arguments)
        /// No input: the filter of a `filter` or `set` block, whose input is the block's text.
        case filter(TemplateExpression?, String, Arguments)
        case test(TemplateExpression, String, Arguments)
        case conditional(test: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
        case not(TemplateExpression)
        case and(TemplateExpression, TemplateExpression)
        case or(TemplateExpression, TemplateExpression)
        case negative(TemplateExpression)
        case positive(TemplateExpression)
        case arithmetic(Operator, TemplateExpression, TemplateExpression)
        case concatenation([TemplateExpression])
        case comparison(TemplateExpression, [Operand])
    }

    let kind: Kind
    /// 1-based line of the source.
    let line: Int
    let depth: Int

    init(_ kind: Kind, line: Int) {
        self.kind = kind
        self.line = line
        depth = 1 + (TemplateExpression.children(of: kind).map(\.depth).max() ?? 0)
    }

    var children: [TemplateExpression] { TemplateExpression.children(of: kind) }

    private static func children(of kind: Kind) -> [TemplateExpression] {
        switch kind {
        case .literal, .name, .namespaceTarget: []
        case .list(let items), .tuple(let items), .concatenation(let items): items
        case .dict(let pairs): pairs.flatMap { [$0.key, $0.value] }
        case .attribute(let e, _), .not(let e), .negative(let e), .positive(let e): [e]
        case .subscripted(let a, let b), .and(let a, let b), .or(let a, let b), .arithmetic(_, let a, let b): [a, b]
        case .slice(let a, let b, let c): [a, b, c].compactMap { $0 }
        case .call(let e, let arguments), .test(let e, _, let arguments): [e] + arguments.children
        case .filter(let e, _, let arguments): (e.map { [$0] } ?? []) + arguments.children
        case .conditional(let test, let then, let otherwise): [test, then] + (otherwise.map { [$0] } ?? [])
        case .comparison(let e, let operands): [e] + operands.map(\.value)
        }
    }
}
