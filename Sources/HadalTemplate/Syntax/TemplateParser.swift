import HadalCore

/// Builds the syntax tree of a template by recursive descent.
struct TemplateParser {
    private let tokens: [TemplateToken]
    let file: String
    private var at = 0
    /// Current depth of recursion.
    private var depth = 0
    private let stack = StackGuard()

    init(source: String, file: String) throws {
        guard source.utf8.count <= TemplateLimits.sourceBytes else {
            throw HadalError(.limitExceeded, "the chat template is larger than \(TemplateLimits.sourceBytes) bytes", at: SourcePlace(file))
        }
        self.file = file
        tokens = try TemplateLexer.tokens(of: source, file: file)
    }

    mutating func parse() throws -> [TemplateStatement] { try parseBody(until: []) }

    // MARK: Tokens

    var current: TemplateToken { tokens[at] }
    var next: TemplateToken { tokens[min(at + 1, tokens.count - 1)] }
    var line: Int { current.line }

    @discardableResult
    mutating func advance() -> TemplateToken {
        let token = tokens[at]
        if at + 1 < tokens.count { at += 1 }
        return token
    }

    func isName(_ name: String) -> Bool { current.kind == .name && current.text == name }

    mutating func skip(_ kind: TemplateToken.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    @discardableResult
    mutating func expect(_ kind: TemplateToken.Kind) throws -> TemplateToken {
        guard current.kind == kind else { throw fail("expected '\(kind.rawValue)', got '\(current.described)'") }
        return advance()
    }

    mutating func expect(name: String) throws {
        guard skip(name: name) else { throw fail("expected '\(name)', got '\(current.described)'") }
    }

    func fail(_ message: String, line: Int? = nil) -> TemplateError {
        TemplateError(.syntax, message, at: SourcePlace(file, .text(line: line ?? self.line, column: 1)))
    }

    // MARK: Depth

    /// Runs one level of recursion.
    mutating func nested<T>(_ body: (inout TemplateParser) throws -> T) throws -> T {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TemplateLimits.syntaxDepth else { throw tooDeep() }
        try stack.check()
        return try body(&self)
    }

    func make(_ kind: TemplateExpression.Kind, line: Int) throws -> TemplateExpression {
        let node = TemplateExpression(kind, line: line)
        guard node.depth <= TemplateLimits.syntaxDepth else { throw tooDeep() }
        return node
    }

    private func tooDeep() -> HadalError {
        HadalError(
            .limitExceeded, "the chat template nests more than \(TemplateLimits.syntaxDepth) levels deep",
            at: SourcePlace(file, .text(line: line, column: 1)))
    }
}
