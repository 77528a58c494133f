import HadalCore

/// Expressions, from the loosest binding to the tightest.
extension TemplateParser {
    private typealias Node = TemplateExpression

    mutating func parseExpression(withConditional: Bool = true) throws -> TemplateExpression {
        try nested { try withConditional ? $0.parseConditional() : $0.parseOr() }
    }

    private mutating func parseConditional() throws -> TemplateExpression {
        var line = line
        var result = try parseOr()
        while skip(name: "if") {
            let test = try parseOr()
            let otherwise = skip(name: "else") ? try nested { try $0.parseConditional() } : nil
            result = try make(.conditional(test: test, then: result, otherwise: otherwise), line: line)
            line = self.line
        }
        return result
    }

    private mutating func parseOr() throws -> TemplateExpression {
        let line = line
        var left = try parseAnd()
        while skip(name: "or") { left = try make(.or(left, try parseAnd()), line: line) }
        return left
    }

    private mutating func parseAnd() throws -> TemplateExpression {
        let line = line
        var left = try parseNot()
        while skip(name: "and") { left = try make(.and(left, try parseNot()), line: line) }
        return left
    }

    private mutating func parseNot() throws -> TemplateExpression {
        let line = line
        guard skip(name: "not") else { return try parseComparison() }
        return try make(.not(try nested { try $0.parseNot() }), line: line)
    }

    private mutating func parseComparison() throws -> TemplateExpression {
        let line = line
        let first = try parseSum()
        var operands: [Node.Operand] = []
        while true {
            let comparison: Node.Comparison
            switch current.kind {
            case .equal: comparison = .equal
            case .notEqual: comparison = .notEqual
            case .less: comparison = .less
            case .lessOrEqual: comparison = .lessOrEqual
            case .greater: comparison = .greater
            case .greaterOrEqual: comparison = .greaterOrEqual
            case .name where current.text == "in": comparison = .contained
            case .name where current.text == "not" && next.kind == .name && next.text == "in":
                advance()
                comparison = .notContained
            default:
                return operands.isEmpty ? first : try make(.comparison(first, operands), line: line)
            }
            advance()
            operands.append(.init(comparison: comparison, value: try parseSum()))
        }
    }

    private mutating func parseSum() throws -> TemplateExpression {
        let line = line
        var left = try parseConcatenation()
        while current.kind == .add || current.kind == .subtract {
            let op: Node.Operator = advance().kind == .add ? .add : .subtract
            left = try make(.arithmetic(op, left, try parseConcatenation()), line: line)
        }
        return left
    }

    private mutating func parseConcatenation() throws -> TemplateExpression {
        let line = line
        let first = try parseProduct()
        guard current.kind == .tilde else { return first }
        var items = [first]
        while skip(.tilde) { items.append(try parseProduct()) }
        return try make(.concatenation(items), line: line)
    }

    private mutating func parseProduct() throws -> TemplateExpression {
        let line = line
        var left = try parsePower()
        while true {
            let op: Node.Operator
            switch current.kind {
            case .multiply: op = .multiply
            case .divide: op = .divide
            case .floorDivide: op = .floorDivide
            case .modulo: op = .modulo
            default: return left
            }
            advance()
            left = try make(.arithmetic(op, left, try parsePower()), line: line)
        }
    }

    private mutating func parsePower() throws -> TemplateExpression {
        let line = line
        var left = try parseUnary()
        while skip(.power) { left = try make(.arithmetic(.power, left, try parseUnary()), line: line) }
        return left
    }

    private mutating func parseUnary(withFilter: Bool = true) throws -> TemplateExpression {
        let line = line
        var node: TemplateExpression
        switch current.kind {
        case .subtract:
            advance()
            node = try make(.negative(try nested { try $0.parseUnary(withFilter: false) }), line: line)
        case .add:
            advance()
            node = try make(.positive(try nested { try $0.parseUnary(withFilter: false) }), line: line)
        default:
            node = try parsePrimary()
        }
        node = try parsePostfix(node)
        return withFilter ? try parseFilterExpression(node) : node
    }

    private mutating func parsePrimary(withNamespace: Bool = false) throws -> TemplateExpression {
        let token = current
        switch token.kind {
        case .name:
            advance()
            switch token.text {
            case "true", "True": return try make(.literal(.bool(true)), line: token.line)
            case "false", "False": return try make(.literal(.bool(false)), line: token.line)
            case "none", "None": return try make(.literal(.none), line: token.line)
            default:
                if withNamespace, skip(.dot) {
                    return try make(.namespaceTarget(VariableReference(token.text), try expect(.name).text), line: token.line)
                }
                return try make(.name(VariableReference(token.text)), line: token.line)
            }
        case .string:
            var text = advance().text
            while current.kind == .string { text += advance().text }
            return try make(.literal(.string(text)), line: token.line)
        case .integer:
            advance()
            return try make(.literal(try integer(token)), line: token.line)
        case .float:
            advance()
            guard let value = Double(token.text) else { throw fail("malformed number", line: token.line) }
            return try make(.literal(.float(value)), line: token.line)
        case .leftParenthesis:
            advance()
            let node = try nested { try $0.parseTuple(inParentheses: true) }
            try expect(.rightParenthesis)
            return node
        case .leftBracket:
            advance()
            var items: [TemplateExpression] = []
            while current.kind != .rightBracket {
                if !items.isEmpty { try expect(.comma) }
                if current.kind == .rightBracket { break }
                items.append(try parseExpression())
            }
            try expect(.rightBracket)
            return try make(.list(items), line: token.line)
        case .leftBrace:
            advance()
            var pairs: [Node.Pair] = []
            while current.kind != .rightBrace {
                if !pairs.isEmpty { try expect(.comma) }
                if current.kind == .rightBrace { break }
                let key = try parseExpression()
                try expect(.colon)
                pairs.append(.init(key: key, value: try parseExpression()))
            }
            try expect(.rightBrace)
            return try make(.dict(pairs), line: token.line)
        default:
            throw fail("unexpected '\(token.described)'", line: token.line)
        }
    }

    private func integer(_ token: TemplateToken) throws -> TemplateExpression.Literal {
        guard let value = PythonNumber.parseInteger(token.text, base: 0) else {
            throw fail("the integer \(token.text.prefix(40)) is too large", line: token.line)
        }
        return value.int.map { .int($0) } ?? .bigInteger(value)
    }

    /// An expression, or a tuple where commas follow.
    mutating func parseTuple(
        simplified: Bool = false, withConditional: Bool = true, end: String? = nil, inParentheses: Bool = false,
        withNamespace: Bool = false
    ) throws -> TemplateExpression {
        let line = line
        var items: [TemplateExpression] = []
        var isTuple = false
        while true {
            if !items.isEmpty { try expect(.comma) }
            if [.variableEnd, .blockEnd, .rightParenthesis].contains(current.kind) { break }
            if let end, isName(end) { break }
            items.append(
                try simplified
                    ? nested { try $0.parsePrimary(withNamespace: withNamespace) } : parseExpression(withConditional: withConditional))
            guard current.kind == .comma else { break }
            isTuple = true
        }
        if !isTuple {
            if let only = items.first { return only }
            if !inParentheses { throw fail("Expected an expression, got '\(current.described)'") }
        }
        return try make(.tuple(items), line: line)
    }

    private mutating func parsePostfix(_ start: TemplateExpression) throws -> TemplateExpression {
        var node = start
        while true {
            switch current.kind {
            case .dot, .leftBracket: node = try parseSubscript(node)
            case .leftParenthesis: node = try parseCall(node)
            default: return node
            }
        }
    }

    private mutating func parseFilterExpression(_ start: TemplateExpression) throws -> TemplateExpression {
        var node = start
        while true {
            switch current.kind {
            case .pipe: node = try parseFilters(node) ?? node
            case .name where current.text == "is": node = try parseTest(node)
            case .leftParenthesis: node = try parseCall(node)
            default: return node
            }
        }
    }

    private mutating func parseSubscript(_ node: TemplateExpression) throws -> TemplateExpression {
        let token = advance()
        if token.kind == .dot {
            let attribute = advance()
            switch attribute.kind {
            case .name: return try make(.attribute(node, attribute.text), line: token.line)
            case .integer:
                return try make(.subscripted(node, try make(.literal(try integer(attribute)), line: token.line)), line: token.line)
            default: throw fail("expected name or number", line: attribute.line)
            }
        }
        var items: [TemplateExpression] = []
        while current.kind != .rightBracket {
            if !items.isEmpty { try expect(.comma) }
            items.append(try parseIndex())
        }
        try expect(.rightBracket)
        if items.count == 1 { return try make(.subscripted(node, items[0]), line: token.line) }
        return try make(.subscripted(node, try make(.tuple(items), line: token.line)), line: token.line)
    }

    private mutating func parseIndex() throws -> TemplateExpression {
        let line = line
        var first: TemplateExpression?
        if current.kind != .colon {
            let node = try parseExpression()
            guard current.kind == .colon else { return node }
            first = node
        }
        advance()
        func isEnd(_ parser: TemplateParser) -> Bool { [.rightBracket, .comma, .colon].contains(parser.current.kind) }
        let second = isEnd(self) ? nil : try parseExpression()
        let third = skip(.colon) && !isEnd(self) ? try parseExpression() : nil
        return try make(.slice(first, second, third), line: line)
    }

    private mutating func parseCall(_ node: TemplateExpression) throws -> TemplateExpression {
        let line = line
        return try make(.call(node, try parseArguments()), line: line)
    }

    private mutating func parseArguments() throws -> TemplateExpression.Arguments {
        let line = line
        var arguments = Node.Arguments()
        func ensure(_ valid: Bool) throws {
            if !valid { throw fail("invalid syntax for function call expression", line: line) }
        }
        try expect(.leftParenthesis)
        var isFirst = true
        while current.kind != .rightParenthesis {
            if !isFirst {
                try expect(.comma)
                if current.kind == .rightParenthesis { break }
            }
            isFirst = false
            let unpacked = arguments.unpackedPositional != nil
            let unpackedKeyword = arguments.unpackedKeyword != nil
            if skip(.multiply) {
                try ensure(!unpacked && !unpackedKeyword)
                arguments.unpackedPositional = try parseExpression()
            } else if skip(.power) {
                try ensure(!unpackedKeyword)
                arguments.unpackedKeyword = try parseExpression()
            } else if current.kind == .name, next.kind == .assign {
                try ensure(!unpackedKeyword)
                let name = advance().text
                advance()
                try ensure(!arguments.keyword.contains { $0.name == name })
                arguments.keyword.append(.init(name: name, value: try parseExpression()))
            } else {
                try ensure(!unpacked && !unpackedKeyword && arguments.keyword.isEmpty)
                arguments.positional.append(try parseExpression())
            }
        }
        try expect(.rightParenthesis)
        return arguments
    }

    private mutating func parseDottedName() throws -> String {
        var name = try expect(.name).text
        while skip(.dot) { name += "." + (try expect(.name).text) }
        return name
    }

    /// `| name(arguments)`, any number of times. `startsInline`: the first pipe is missing.
    mutating func parseFilters(_ start: TemplateExpression?, startsInline: Bool = false) throws -> TemplateExpression? {
        var node = start
        var inline = startsInline
        while inline || current.kind == .pipe {
            if !inline { advance() }
            inline = false
            let line = line
            let name = try parseDottedName()
            let arguments = current.kind == .leftParenthesis ? try parseArguments() : .init()
            node = try make(.filter(node, name, arguments), line: line)
        }
        return node
    }

    private mutating func parseTest(_ node: TemplateExpression) throws -> TemplateExpression {
        let line = advance().line
        let isNegated = skip(name: "not")
        let name = try parseDottedName()
        var arguments = Node.Arguments()
        switch current.kind {
        case .leftParenthesis:
            arguments = try parseArguments()
        case .string, .integer, .float, .leftBracket, .leftBrace,
            .name where current.kind != .name || !["else", "or", "and"].contains(current.text):
            if isName("is") { throw fail("You cannot chain multiple tests with is") }
            arguments.positional = [try parsePostfix(try nested { try $0.parsePrimary() })]
        default: break
        }
        let test = try make(.test(node, name, arguments), line: line)
        return isNegated ? try make(.not(test), line: line) : test
    }
}
