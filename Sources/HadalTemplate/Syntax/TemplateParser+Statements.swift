/// Tags and bodies.
extension TemplateParser {
    /// Statements up to a tag named in `ends` (left as the current token), or to the end of the template for none.
    mutating func parseBody(until ends: [String]) throws -> [TemplateStatement] {
        try nested { try $0.parseBodyUnchecked(until: ends) }
    }

    private mutating func parseBodyUnchecked(until ends: [String]) throws -> [TemplateStatement] {
        var body: [TemplateStatement] = []
        var parts: [TemplateStatement.Part] = []
        func flush(_ parts: inout [TemplateStatement.Part], into body: inout [TemplateStatement]) {
            if !parts.isEmpty { body.append(.output(parts)) }
            parts.removeAll()
        }
        while true {
            switch current.kind {
            case .end:
                flush(&parts, into: &body)
                if !ends.isEmpty { throw fail("Unexpected end of template. Looking for \(quoted(ends)).") }
                return body
            case .data:
                parts.append(.text(advance().text))
            case .variableBegin:
                advance()
                parts.append(.expression(try parseTuple()))
                try expect(.variableEnd)
            case .blockBegin:
                flush(&parts, into: &body)
                advance()
                if current.kind == .name, ends.contains(current.text) { return body }
                body.append(try parseStatement(ends: ends))
                try expect(.blockEnd)
            default:
                throw fail("unexpected '\(current.described)'")
            }
        }
    }

    private func quoted(_ names: [String]) -> String { names.map { "'\($0)'" }.joined(separator: " or ") }

    /// The rest of an opening tag, then the body; the end tag's name is consumed.
    private mutating func parseBlock(until ends: [String]) throws -> [TemplateStatement] {
        _ = skip(.colon)
        try expect(.blockEnd)
        return try parseBody(until: ends)
    }

    private mutating func parseWholeBlock(until end: String) throws -> [TemplateStatement] {
        let body = try parseBlock(until: [end])
        advance()
        return body
    }

    private mutating func parseStatement(ends: [String]) throws -> TemplateStatement {
        guard current.kind == .name else { throw fail("tag name expected") }
        let line = line
        switch current.text {
        case "set": return try parseSet()
        case "if": return try parseIf()
        case "for": return try parseFor()
        case "with": return try parseWith()
        case "macro":
            advance()
            let name = VariableReference(try expect(.name).text)
            let parameters = try parseSignature()
            let body = try parseWholeBlock(until: "endmacro")
            return .macro(.init(name: name.name, parameters: parameters, body: body), variable: name, line: line)
        case "call":
            advance()
            let parameters = current.kind == .leftParenthesis ? try parseSignature() : []
            let call = try parseExpression()
            guard case .call = call.kind else { throw fail("expected call", line: line) }
            let body = try parseWholeBlock(until: "endcall")
            return .callBlock(.init(name: nil, parameters: parameters, body: body), call: call, line: line)
        case "generation":
            advance()
            let body = try parseWholeBlock(until: "endgeneration")
            return .generation(.init(name: nil, parameters: [], body: body), line: line)
        case "filter":
            advance()
            guard let filter = try parseFilters(nil, startsInline: true) else { throw fail("expected a filter") }
            return .filterBlock(filter: filter, body: .init(try parseWholeBlock(until: "endfilter")), line: line)
        case "block":
            advance()
            let name = try expect(.name).text
            while skip(name: "scoped") || skip(name: "required") {}
            let body = try parseWholeBlock(until: "endblock")
            _ = skip(name: name)
            return .block(.init(body), name: name, line: line)
        case "print":
            advance()
            var parts: [TemplateStatement.Part] = []
            while current.kind != .blockEnd {
                if !parts.isEmpty { try expect(.comma) }
                parts.append(.expression(try parseExpression()))
            }
            return .output(parts)
        case "break":
            advance()
            return .breakLoop(line: line)
        case "continue":
            advance()
            return .continueLoop(line: line)
        case "include", "import", "from", "extends":
            throw fail("'\(current.text)' needs other template files, which chat templates do not have")
        case "autoescape":
            throw fail("'autoescape' is not supported: chat templates produce plain text")
        default:
            let wanted = ends.isEmpty ? "" : " Looking for \(quoted(ends))."
            throw fail("Encountered unknown tag '\(current.text)'.\(wanted)")
        }
    }

    private mutating func parseSet() throws -> TemplateStatement {
        let line = advance().line
        let target = try parseTarget(withNamespace: true)
        if skip(.assign) { return .set(target: target, value: try parseTuple(), line: line) }
        let filter = try parseFilters(nil)
        return .setBlock(target: target, filter: filter, body: .init(try parseWholeBlock(until: "endset")), line: line)
    }

    private mutating func parseIf() throws -> TemplateStatement {
        let line = advance().line
        var branches: [TemplateStatement.Branch] = []
        while true {
            let test = try parseTuple(withConditional: false)
            branches.append(.init(test: test, body: try parseBlock(until: ["elif", "else", "endif"])))
            switch advance().text {
            case "elif": continue
            case "else": return .conditional(branches, otherwise: try parseWholeBlock(until: "endif"), line: line)
            default: return .conditional(branches, otherwise: [], line: line)
            }
        }
    }

    private mutating func parseFor() throws -> TemplateStatement {
        let line = advance().line
        let target = try parseTarget(end: "in")
        try expect(name: "in")
        let iterable = try parseTuple(withConditional: false, end: "recursive")
        let test = skip(name: "if") ? try parseExpression() : nil
        let isRecursive = skip(name: "recursive")
        let body = try parseBlock(until: ["endfor", "else"])
        let otherwise = advance().text == "else" ? try parseWholeBlock(until: "endfor") : []
        return .loop(
            .init(
                target: target, testTarget: copy(target), iterable: iterable, test: test, isRecursive: isRecursive, body: body,
                otherwise: otherwise),
            line: line)
    }

    private mutating func parseWith() throws -> TemplateStatement {
        let line = advance().line
        var targets: [TemplateExpression] = []
        var values: [TemplateExpression] = []
        while current.kind != .blockEnd, current.kind != .end {
            if !targets.isEmpty { try expect(.comma) }
            targets.append(try parseTarget())
            try expect(.assign)
            values.append(try parseExpression())
        }
        return .with(targets: targets, values: values, body: .init(try parseWholeBlock(until: "endwith")), line: line)
    }

    private mutating func parseSignature() throws -> [TemplateStatement.Function.Parameter] {
        var parameters: [TemplateStatement.Function.Parameter] = []
        try expect(.leftParenthesis)
        while current.kind != .rightParenthesis {
            if !parameters.isEmpty { try expect(.comma) }
            let name = try parseTargetName()
            if parameters.contains(where: { $0.variable.name == name }) { throw fail("duplicate argument '\(name)' in a definition") }
            let value = skip(.assign) ? try parseExpression() : nil
            if value == nil, parameters.last?.defaultValue != nil { throw fail("non-default argument follows default argument") }
            parameters.append(.init(variable: VariableReference(name), defaultValue: value))
        }
        try expect(.rightParenthesis)
        return parameters
    }

    // MARK: Targets of assignments

    private mutating func parseTargetName() throws -> String {
        let name = try expect(.name).text
        guard TemplateParser.mayAssign(name) else { throw fail("can't assign to '\(name)'") }
        return name
    }

    private mutating func parseTarget(end: String? = nil, withNamespace: Bool = false) throws -> TemplateExpression {
        let target = try parseTuple(simplified: true, end: end, withNamespace: withNamespace)
        try checkTarget(target)
        return target
    }

    private static func mayAssign(_ name: String) -> Bool { !["true", "false", "none", "True", "False", "None"].contains(name) }

    private func checkTarget(_ target: TemplateExpression) throws {
        switch target.kind {
        case .name(let variable):
            guard TemplateParser.mayAssign(variable.name) else { throw fail("can't assign to '\(variable.name)'") }
        case .namespaceTarget: break
        case .tuple(let items): for item in items { try checkTarget(item) }
        default: throw fail("can't assign to this expression", line: target.line)
        }
    }

    private func copy(_ target: TemplateExpression) -> TemplateExpression {
        switch target.kind {
        case .name(let variable): TemplateExpression(.name(VariableReference(variable.name)), line: target.line)
        case .tuple(let items): TemplateExpression(.tuple(items.map(copy)), line: target.line)
        default: target
        }
    }
}
