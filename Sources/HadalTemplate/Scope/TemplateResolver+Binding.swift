/// Binding: every name of a scope gets its variable, and inner scopes are resolved in turn.
extension TemplateResolver {
    func bind(_ body: [TemplateStatement], in table: SymbolTable, _ context: Context) throws {
        for statement in body { try bind(statement, in: table, context) }
    }

    private func bind(_ statement: TemplateStatement, in table: SymbolTable, _ context: Context) throws {
        switch statement {
        case .output(let parts):
            for case .expression(let e) in parts { try bind(e, in: table, context.isSoft) }
        case .set(let target, let value, _):
            try bind(value, in: table, context.isSoft)
            try bind(target, in: table, context.isSoft)
        case .setBlock(let target, let filter, let body, _):
            let inner = SymbolTable(parent: table, newFunction: false)
            try analyze(body.body, in: inner)
            if let filter {
                analyze(filter, in: inner)
                try bind(filter, in: inner, false)
            }
            try bind(body.body, in: inner, context.hard)
            body.scope.compiled = inner.compiled()
            try bind(target, in: table, context.isSoft)
        case .conditional(let branches, let otherwise, _):
            for branch in branches {
                try bind(branch.test, in: table, true)
                try bind(branch.body, in: table, context.soft)
            }
            try bind(otherwise, in: table, context.soft)
        case .loop(let loop, let line): try bind(loop, line: line, in: table, context)
        case .with(let targets, let values, let body, _):
            let inner = SymbolTable(parent: table, newFunction: false)
            for target in targets { analyzeTarget(target, in: inner, asParameter: true) }
            try analyze(body.body, in: inner)
            for value in values { try bind(value, in: table, context.isSoft) }
            for target in targets { try bind(target, in: inner, false) }
            try bind(body.body, in: inner, context.hard)
            body.scope.compiled = inner.compiled()
        case .filterBlock(let filter, let body, _):
            let inner = SymbolTable(parent: table, newFunction: false)
            analyze(filter, in: inner)
            try analyze(body.body, in: inner)
            try bind(filter, in: inner, false)
            try bind(body.body, in: inner, context.hard)
            body.scope.compiled = inner.compiled()
        case .macro(let function, let variable, let line):
            try bind(function, line: line, in: table)
            bind(variable, in: table)
        case .callBlock(let function, let call, let line):
            try bind(function, line: line, in: table)
            try bind(call, in: table, context.isSoft)
        case .generation(let function, let line): try bind(function, line: line, in: table)
        case .block(let body, _, _):
            let inner = SymbolTable(parent: nil, newFunction: true)
            try analyze(body.body, in: inner)
            try bind(body.body, in: inner, Context())
            body.scope.compiled = inner.compiled()
            body.scope.compiled.frame = inner.frame
        case .breakLoop(let line):
            if !context.isInLoop { throw fail("'break' outside loop", line: line) }
        case .continueLoop(let line):
            if !context.isInLoop { throw fail("'continue' outside loop", line: line) }
        }
    }

    private func bind(_ loop: TemplateStatement.Loop, line: Int, in table: SymbolTable, _ context: Context) throws {
        if TemplateNames.assigns("loop", loop) { throw fail("Can't assign to special loop variable in for-loop target", line: line) }
        try bind(loop.iterable, in: table, context.isSoft)
        let body = SymbolTable(parent: table, newFunction: loop.isRecursive)
        let test = SymbolTable(besides: body)
        let otherwise = SymbolTable(besides: body)
        let isExtended = loop.isRecursive || TemplateNames.free(["loop"], in: loop.body).contains("loop")
        if isExtended { body.declareParameter("loop") }
        analyzeTarget(loop.target, in: body, asParameter: true)
        try analyze(loop.body, in: body)
        try analyze(loop.otherwise, in: otherwise)
        if let condition = loop.test {
            analyzeTarget(loop.testTarget, in: test, asParameter: true)
            analyze(condition, in: test)
            try bind(loop.testTarget, in: test, false)
            try bind(condition, in: test, false)
        }
        try bind(loop.target, in: body, false)
        try bind(loop.body, in: body, Context(isInLoop: true, isSoft: false))
        try bind(loop.otherwise, in: otherwise, Context(isInLoop: context.isInLoop && !loop.isRecursive, isSoft: false))
        loop.scopes.body = body.compiled()
        if isExtended { loop.scopes.body.loopSlot = body.slot("loop") }
        loop.scopes.test = test.compiled()
        loop.scopes.otherwise = otherwise.compiled()
        if loop.isRecursive { loop.scopes.body.frame = body.frame }
    }

    private func bind(_ function: TemplateStatement.Function, line: Int, in table: SymbolTable) throws {
        let inner = SymbolTable(parent: table, newFunction: true)
        for parameter in function.parameters { inner.declareParameter(parameter.variable.name) }
        for parameter in function.parameters { if let value = parameter.defaultValue { analyze(value, in: inner) } }
        try analyze(function.body, in: inner)
        let special = TemplateNames.free(["caller", "kwargs", "varargs"], in: function.body)
        let named = Set(function.parameters.map(\.variable.name))
        if special.contains("caller"), named.contains("caller"),
            function.parameters.contains(where: { $0.variable.name == "caller" && $0.defaultValue == nil })
        {
            throw fail("the special \"caller\" argument must be omitted or be given a default", line: line)
        }
        for name in ["caller", "kwargs", "varargs"] where special.contains(name) && !named.contains(name) { inner.declareParameter(name) }
        for parameter in function.parameters {
            bind(parameter.variable, in: inner)
            if let value = parameter.defaultValue { try bind(value, in: inner, false) }
        }
        try bind(function.body, in: inner, Context())
        var scope = inner.compiled()
        if special.contains("caller"), !named.contains("caller") { scope.callerSlot = inner.slot("caller") }
        if special.contains("kwargs"), !named.contains("kwargs") { scope.kwargsSlot = inner.slot("kwargs") }
        if special.contains("varargs"), !named.contains("varargs") { scope.varargsSlot = inner.slot("varargs") }
        scope.frame = inner.frame
        function.scope.compiled = scope
    }

    private func bind(_ variable: VariableReference, in table: SymbolTable) {
        if table.owner(of: variable.name) == nil { table.load(variable.name) }
        guard let owner = table.owner(of: variable.name) else { return }
        variable.bind(owner.location(of: variable.name, from: table))
    }

    private func bind(_ expression: TemplateExpression, in table: SymbolTable, _ isSoft: Bool) throws {
        var isSoft = isSoft
        switch expression.kind {
        case .name(let variable), .namespaceTarget(let variable, _): bind(variable, in: table)
        case .filter(_, let name, _):
            if !isSoft, TemplateFilters.table[name] == nil { throw fail("No filter named '\(name)'.", line: expression.line) }
        case .test(_, let name, _):
            if !isSoft, TemplateTests.table[name] == nil { throw fail("No test named '\(name)'.", line: expression.line) }
        case .conditional: isSoft = true
        default: break
        }
        for child in expression.children { try bind(child, in: table, isSoft) }
    }
}
