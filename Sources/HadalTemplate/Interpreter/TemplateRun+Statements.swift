import HadalCore

extension TemplateRun {
    enum Flow { case normal, breakLoop, continueLoop }

    func execute(_ body: [TemplateStatement], _ activation: Activation) throws -> Flow {
        for statement in body {
            try charge(1)
            let flow = try execute(statement, activation)
            if flow != .normal { return flow }
        }
        return .normal
    }

    private func execute(_ statement: TemplateStatement, _ activation: Activation) throws -> Flow {
        switch statement {
        case .output(let parts):
            for part in parts {
                switch part {
                case .text(let text): try write(text)
                case .expression(let e):
                    line = e.line
                    try write(try evaluate(e, activation).printed(self))
                }
            }
            return .normal
        case .set(let target, let value, let line):
            self.line = line
            try assign(try evaluate(value, activation), to: target, activation)
            return .normal
        case .conditional(let branches, let otherwise, let line):
            self.line = line
            return try executeConditional(branches, otherwise, activation)
        case .loop(let loop, let line):
            self.line = line
            return try executeLoop(loop, activation)
        case .setBlock(let target, let filter, let body, let line):
            return try executeSetBlock(target, filter, body, line, activation)
        case .with(let targets, let values, let body, let line):
            self.line = line
            return try executeWith(targets, values, body, activation)
        case .filterBlock(let filter, let body, let line):
            return try executeFilterBlock(filter, body, line, activation)
        case .macro(let function, let variable, let line):
            self.line = line
            activation.ancestor(variable.hops).slots[variable.slot] = .object(makeMacro(function, activation))
            return .normal
        case .callBlock(let function, let call, let line):
            self.line = line
            let result = try evaluateCall(call, activation, caller: makeMacro(function, activation))
            guard let text = result.text else { throw TemplateError.type("expected str from a call block, \(result.typeName) found") }
            try write(text)
            return .normal
        case .generation(let function, let line):
            self.line = line
            try write(try makeMacro(function, activation).invoke(CallArguments(), self))
            return .normal
        case .block(let body, _, let line):
            self.line = line
            return try executeBlock(body)
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
    }

    private func executeConditional(_ branches: [TemplateStatement.Branch], _ otherwise: [TemplateStatement], _ activation: Activation)
        throws -> Flow
    {
        for branch in branches where try evaluate(branch.test, activation).isTrue { return try execute(branch.body, activation) }
        return try execute(otherwise, activation)
    }

    private func executeSetBlock(
        _ target: TemplateExpression, _ filter: TemplateExpression?, _ body: TemplateStatement.Scoped, _ line: Int, _ activation: Activation
    ) throws -> Flow {
        enter(body.scope.compiled, activation)
        let (text, flow) = try capturing { try execute(body.body, activation) }
        if flow != .normal { return flow }
        self.line = line
        let value = try filter.map { try evaluateFilter($0, activation, input: .string(text)) } ?? .string(text)
        try assign(value, to: target, activation)
        return .normal
    }

    private func executeWith(
        _ targets: [TemplateExpression], _ values: [TemplateExpression], _ body: TemplateStatement.Scoped, _ activation: Activation
    ) throws -> Flow {
        enter(body.scope.compiled, activation)
        for (target, value) in zip(targets, values) { try assign(try evaluate(value, activation), to: target, activation) }
        return try execute(body.body, activation)
    }

    private func executeFilterBlock(_ filter: TemplateExpression, _ body: TemplateStatement.Scoped, _ line: Int, _ activation: Activation)
        throws -> Flow
    {
        enter(body.scope.compiled, activation)
        let (text, flow) = try capturing { try execute(body.body, activation) }
        if flow != .normal { return flow }
        self.line = line
        try write(try evaluateFilter(filter, activation, input: .string(text)).printed(self))
        return .normal
    }

    private func executeBlock(_ body: TemplateStatement.Scoped) throws -> Flow {
        let activation = Activation(body.scope.compiled.frame, parent: nil)
        let before = isInBlock
        isInBlock = true
        defer { isInBlock = before }
        enter(body.scope.compiled, activation)
        return try nested { try execute(body.body, activation) }
    }

    func makeMacro(_ function: TemplateStatement.Function, _ activation: Activation) -> TemplateMacro {
        capture(activation)
        return TemplateMacro(function, activation)
    }

    // MARK: Assignment

    func assign(_ value: TemplateValue, to target: TemplateExpression, _ activation: Activation) throws {
        if value.depth > TemplateLimits.containerDepth { throw exceeded("nests values more than \(TemplateLimits.containerDepth) deep") }
        switch target.kind {
        case .name(let variable):
            activation.ancestor(variable.hops).slots[variable.slot] = value
        case .namespaceTarget(let variable, let attribute):
            guard case .object(let object as TemplateNamespace) = activation.value(variable) else {
                throw TemplateError.runtime("cannot assign attribute on non-namespace object")
            }
            object.set(attribute, value)
        case .tuple(let targets):
            var items: [TemplateValue] = []
            var iterator = try value.iterate(self)
            while let item = try iterator.next() {
                items.append(item)
                if items.count > targets.count { throw TemplateError.runtime("too many values to unpack (expected \(targets.count))") }
            }
            if items.count < targets.count {
                throw TemplateError.runtime("not enough values to unpack (expected \(targets.count), got \(items.count))")
            }
            for (target, item) in zip(targets, items) { try assign(item, to: target, activation) }
        default: throw TemplateError.runtime("cannot assign to this expression")
        }
    }
}
