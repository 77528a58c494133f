import HadalCore

/// Decides for every name of a template which variable it means, before anything is rendered.
struct TemplateResolver {
    let file: String
    private let stack = StackGuard()

    struct Context {
        var isInLoop = false
        /// Inside the branch of a condition, where an unknown filter or test only matters when it is reached.
        var isSoft = false

        var soft: Context { Context(isInLoop: isInLoop, isSoft: true) }
        var hard: Context { Context(isInLoop: isInLoop, isSoft: false) }
    }

    init(file: String) { self.file = file }

    /// - Returns: The scope of the template's top level, and the slots of its own variables by name.
    func resolve(_ body: [TemplateStatement]) throws -> (scope: CompiledScope, exports: [String: Int]) {
        let table = SymbolTable(parent: nil, newFunction: true)
        try analyze(body, in: table)
        try bind(body, in: table, Context())
        var scope = table.compiled()
        scope.frame = table.frame
        var exports: [String: Int] = [:]
        for name in table.state.stores { exports[name] = table.slot(name) }
        return (scope, exports)
    }

    func fail(_ message: String, line: Int) -> TemplateError {
        TemplateError(.syntax, message, at: SourcePlace(file, .text(line: line, column: 1)))
    }

    // MARK: Analysis: which names a scope has

    func analyze(_ body: [TemplateStatement], in table: SymbolTable) throws {
        try stack.check()
        for statement in body {
            switch statement {
            case .output(let parts):
                for case .expression(let e) in parts { analyze(e, in: table) }
            case .set(let target, let value, _):
                analyze(value, in: table)
                analyzeTarget(target, in: table)
            case .setBlock(let target, _, _, _): analyzeTarget(target, in: table)
            case .conditional(let branches, let otherwise, _): try analyze(branches, otherwise, in: table)
            case .loop(let loop, _): analyze(loop.iterable, in: table)
            case .with(_, let values, _, _): for value in values { analyze(value, in: table) }
            case .filterBlock(let filter, _, _): analyze(filter, in: table)
            case .macro(_, let variable, _): table.store(variable.name)
            case .callBlock(_, let call, _): analyze(call, in: table)
            case .generation, .block, .breakLoop, .continueLoop: break
            }
        }
    }

    private func analyze(_ branches: [TemplateStatement.Branch], _ otherwise: [TemplateStatement], in table: SymbolTable) throws {
        guard let first = branches.first else { return }
        analyze(first.test, in: table)
        let original = table.state
        try analyze(first.body, in: table)
        let body = table.state
        table.state = original
        for branch in branches.dropFirst() {
            analyze(branch.test, in: table)
            let before = table.state
            try analyze(branch.body, in: table)
            let inner = table.state
            table.state = before
            table.merge([inner, before])
        }
        let alternatives = table.state
        table.state = original
        try analyze(otherwise, in: table)
        let last = table.state
        table.state = original
        table.merge([body, alternatives, last])
    }

    func analyze(_ expression: TemplateExpression, in table: SymbolTable) {
        switch expression.kind {
        case .name(let variable), .namespaceTarget(let variable, _): table.load(variable.name)
        default: for child in expression.children { analyze(child, in: table) }
        }
    }

    func analyzeTarget(_ target: TemplateExpression, in table: SymbolTable, asParameter: Bool = false) {
        switch target.kind {
        case .name(let variable): asParameter ? table.declareParameter(variable.name) : table.store(variable.name)
        case .namespaceTarget(let variable, _): table.load(variable.name)
        default: for child in target.children { analyzeTarget(child, in: table, asParameter: asParameter) }
        }
    }
}
