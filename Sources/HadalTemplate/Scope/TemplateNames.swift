/// Questions about the names a body uses, its inner scopes included.
struct TemplateNames {
    private var wanted: Set<String>
    private var found: Set<String> = []

    /// Those of `names` that the body reads before it assigns them.
    static func free(_ names: Set<String>, in body: [TemplateStatement]) -> Set<String> {
        var search = TemplateNames(wanted: names)
        search.visit(body)
        return search.found
    }

    /// Whether the loop or anything inside it assigns the name.
    static func assigns(_ name: String, _ loop: TemplateStatement.Loop) -> Bool {
        targets(loop.target, name) || assigns(name, loop.body) || assigns(name, loop.otherwise)
    }

    private mutating func visit(_ body: [TemplateStatement]) { for statement in body { visit(statement) } }

    private mutating func visit(_ statement: TemplateStatement) {
        switch statement {
        case .output(let parts): for case .expression(let e) in parts { read(e) }
        case .set(let target, let value, _):
            assign(target)
            read(value)
        case .setBlock(let target, let filter, let body, _):
            assign(target)
            if let filter { read(filter) }
            visit(body.body)
        case .conditional(let branches, let otherwise, _):
            for branch in branches {
                read(branch.test)
                visit(branch.body)
            }
            visit(otherwise)
        case .loop(let loop, _):
            assign(loop.target)
            read(loop.iterable)
            visit(loop.body)
            visit(loop.otherwise)
            if let test = loop.test { read(test) }
        case .with(let targets, let values, let body, _):
            for target in targets { assign(target) }
            for value in values { read(value) }
            visit(body.body)
        case .filterBlock(let filter, let body, _):
            visit(body.body)
            read(filter)
        case .macro(let function, _, _), .generation(let function, _): visit(function)
        case .callBlock(let function, let call, _):
            read(call)
            visit(function)
        case .block, .breakLoop, .continueLoop: break
        }
    }

    private mutating func visit(_ function: TemplateStatement.Function) {
        for parameter in function.parameters { wanted.remove(parameter.variable.name) }
        for parameter in function.parameters { if let value = parameter.defaultValue { read(value) } }
        visit(function.body)
    }

    private mutating func read(_ expression: TemplateExpression) {
        if case .name(let variable) = expression.kind {
            if wanted.contains(variable.name) { found.insert(variable.name) }
        } else {
            for child in expression.children { read(child) }
        }
    }

    private mutating func assign(_ target: TemplateExpression) {
        if case .name(let variable) = target.kind {
            wanted.remove(variable.name)
        } else {
            for child in target.children { assign(child) }
        }
    }

    private static func assigns(_ name: String, _ body: [TemplateStatement]) -> Bool {
        body.contains { statement in
            switch statement {
            case .output, .breakLoop, .continueLoop: false
            case .set(let target, _, _): targets(target, name)
            case .setBlock(let target, _, let inner, _): targets(target, name) || assigns(name, inner.body)
            case .conditional(let branches, let otherwise, _): branches.contains { assigns(name, $0.body) } || assigns(name, otherwise)
            case .loop(let loop, _): assigns(name, loop)
            // Parameters are not assignments.
            case .with(_, _, let inner, _), .filterBlock(_, let inner, _), .block(let inner, _, _): assigns(name, inner.body)
            case .macro(let function, _, _), .callBlock(let function, _, _), .generation(let function, _): assigns(name, function.body)
            }
        }
    }

    private static func targets(_ target: TemplateExpression, _ name: String) -> Bool {
        if case .name(let variable) = target.kind { return variable.name == name }
        return target.children.contains { targets($0, name) }
    }
}
