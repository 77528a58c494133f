extension TemplateRun {
    func evaluate(_ expression: TemplateExpression, _ activation: Activation) throws -> TemplateValue {
        try charge(1)
        switch expression.kind {
        case .literal(let literal):
            switch literal {
            case .none: return .null
            case .bool(let b): return .bool(b)
            case .int(let i): return .int(i)
            case .bigInteger(let i): return .integer(i)
            case .float(let d): return .float(d)
            case .string(let s): return .string(s)
            }
        case .name(let variable), .namespaceTarget(let variable, _): return activation.value(variable)
        case .attribute(let object, let name): return try attribute(name, of: try evaluate(object, activation))
        case .not(let e): return .bool(!(try evaluate(e, activation).isTrue))
        case .and(let a, let b):
            let left = try evaluate(a, activation)
            return left.isTrue ? try evaluate(b, activation) : left
        case .or(let a, let b):
            let left = try evaluate(a, activation)
            return left.isTrue ? left : try evaluate(b, activation)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test, activation).isTrue { return try evaluate(then, activation) }
            if let otherwise { return try evaluate(otherwise, activation) }
            return .undefined(
                .hint("the inline if-expression on line \(expression.line) evaluated to false and no else section was defined."))
        case .call: return try evaluateCall(expression, activation, caller: nil)
        default: return try evaluateOther(expression, activation)
        }
    }

    /// The rarer kinds, apart so that the common ones need little stack.
    private func evaluateOther(_ expression: TemplateExpression, _ activation: Activation) throws -> TemplateValue {
        try checkStack()
        switch expression.kind {
        case .list(let items): return .list(try evaluate(items, activation))
        case .tuple(let items): return .tuple(try evaluate(items, activation))
        case .dict(let pairs): return try evaluateDict(pairs, activation)
        case .subscripted(let object, let key): return try evaluateSubscript(object, key, activation)
        case .slice: throw TemplateError.type("a slice is not allowed here")
        case .filter(let input, _, _):
            guard let input else { throw TemplateError.runtime("a filter without input") }
            return try evaluateFilter(expression, activation, input: try evaluate(input, activation))
        case .test(let input, let name, let arguments): return try evaluateTest(input, name, arguments, activation)
        case .negative(let e): return try TemplateValue.negated(try evaluate(e, activation))
        case .positive(let e): return try TemplateValue.posited(try evaluate(e, activation))
        case .arithmetic(let op, let a, let b):
            let left = try evaluate(a, activation)
            return try TemplateValue.arithmetic(op, left, try evaluate(b, activation), self)
        case .concatenation(let items): return try evaluateConcatenation(items, activation)
        case .comparison(let first, let operands): return try evaluateComparison(first, operands, activation)
        default: return .null
        }
    }

    private func evaluate(_ items: [TemplateExpression], _ activation: Activation) throws -> [TemplateValue] {
        var values: [TemplateValue] = []
        values.reserveCapacity(items.count)
        for item in items { values.append(try evaluate(item, activation)) }
        return values
    }

    private func evaluateDict(_ pairs: [TemplateExpression.Pair], _ activation: Activation) throws -> TemplateValue {
        let dictionary = TemplateDictionary()
        for pair in pairs {
            let key = try evaluate(pair.key, activation)
            try dictionary.set(key, try evaluate(pair.value, activation))
        }
        return .dict(dictionary)
    }

    private func evaluateSubscript(_ object: TemplateExpression, _ key: TemplateExpression, _ activation: Activation) throws
        -> TemplateValue
    {
        let value = try evaluate(object, activation)
        guard case .slice(let start, let stop, let step) = key.kind else { return try item(try evaluate(key, activation), of: value) }
        func bound(_ e: TemplateExpression?) throws -> Int? {
            guard let e else { return nil }
            let value = try evaluate(e, activation)
            if value.isNone { return nil }
            guard let index = value.clampedIndex else {
                throw TemplateError.type("slice indices must be integers or None or have an __index__ method")
            }
            return index
        }
        return try Slicing.slice(value, try bound(start), try bound(stop), try bound(step), self)
    }

    private func evaluateConcatenation(_ items: [TemplateExpression], _ activation: Activation) throws -> TemplateValue {
        var text = ""
        for item in items {
            text += try evaluate(item, activation).printed(self)
            try check(bytes: text.utf8.count)
        }
        try charge(bytes: text.utf8.count)
        return .string(text)
    }

    private func evaluateComparison(_ first: TemplateExpression, _ operands: [TemplateExpression.Operand], _ activation: Activation) throws
        -> TemplateValue
    {
        var left = try evaluate(first, activation)
        for operand in operands {
            let right = try evaluate(operand.value, activation)
            if !(try TemplateRun.compare(left, operand.comparison, right, self)) { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    static func compare(_ a: TemplateValue, _ comparison: TemplateExpression.Comparison, _ b: TemplateValue, _ run: TemplateRun) throws
        -> Bool
    {
        switch comparison {
        case .equal: return try a.equals(b)
        case .notEqual: return !(try a.equals(b))
        case .contained: return try b.contains(a, run)
        case .notContained: return !(try b.contains(a, run))
        case .less: return try TemplateValue.order(a, b, "<") == .less
        case .greater: return try TemplateValue.order(a, b, ">") == .greater
        case .lessOrEqual:
            let order = try TemplateValue.order(a, b, "<=")
            return order == .less || order == .equal
        case .greaterOrEqual:
            let order = try TemplateValue.order(a, b, ">=")
            return order == .greater || order == .equal
        }
    }

    func evaluateArguments(_ arguments: TemplateExpression.Arguments, _ activation: Activation) throws -> CallArguments {
        var values = CallArguments(positional: try evaluate(arguments.positional, activation))
        for keyword in arguments.keyword { values.keyword.append((keyword.name, try evaluate(keyword.value, activation))) }
        if let rest = arguments.unpackedPositional { values.positional += try evaluate(rest, activation).items(self) }
        if let rest = arguments.unpackedKeyword {
            guard case .dict(let dictionary) = try evaluate(rest, activation) else {
                throw TemplateError.type("argument after ** must be a mapping")
            }
            for (key, value) in zip(dictionary.keys, dictionary.values) {
                guard let name = key.text else { throw TemplateError.type("keywords must be strings") }
                if values.keyword.contains(where: { $0.name == name }) {
                    throw TemplateError.type("got multiple values for keyword argument '\(name)'")
                }
                values.keyword.append((name, value))
            }
        }
        return values
    }

    /// - Parameter caller: The body of a `call` block, passed on as the keyword `caller`.
    func evaluateCall(_ expression: TemplateExpression, _ activation: Activation, caller: TemplateMacro?) throws -> TemplateValue {
        guard case .call(let callee, let arguments) = expression.kind else { return .null }
        try checkStack()
        if case .attribute(let object, let name) = callee.kind {
            let receiver = try evaluate(object, activation)
            if TemplateMethods.has(receiver, name) {
                let values = try evaluateArguments(arguments, activation)
                line = expression.line
                return try TemplateMethods.call(receiver, name, values, self)
            }
            return try call(try attribute(name, of: receiver), expression, arguments, activation, caller)
        }
        return try call(try evaluate(callee, activation), expression, arguments, activation, caller)
    }

    private func call(
        _ value: TemplateValue, _ expression: TemplateExpression, _ arguments: TemplateExpression.Arguments, _ activation: Activation,
        _ caller: TemplateMacro?
    ) throws -> TemplateValue {
        var values = try evaluateArguments(arguments, activation)
        if let caller { values.keyword.append(("caller", .object(caller))) }
        line = expression.line
        if case .undefined(let why) = value { throw why.error }
        guard case .object(let object) = value, let result = try object.call(values, self) else {
            throw TemplateError.type("'\(value.typeName)' object is not callable")
        }
        return result
    }

    func evaluateFilter(_ expression: TemplateExpression, _ activation: Activation, input: TemplateValue) throws -> TemplateValue {
        guard case .filter(let inner, let name, let arguments) = expression.kind else { return input }
        // The filters of a block form a chain whose innermost has no input of its own.
        let isBlockChain = inner != nil && TemplateRun.startsFromBlock(expression)
        let value = isBlockChain ? try inner.map { try evaluateFilter($0, activation, input: input) } ?? input : input
        let values = try evaluateArguments(arguments, activation)
        line = expression.line
        return try apply(filter: name, value, values)
    }

    private static func startsFromBlock(_ expression: TemplateExpression) -> Bool {
        var node = expression
        while case .filter(let inner, _, _) = node.kind {
            guard let inner else { return true }
            node = inner
        }
        return false
    }

    func apply(filter name: String, _ value: TemplateValue, _ arguments: CallArguments) throws -> TemplateValue {
        guard let filter = TemplateFilters.table[name] else { throw TemplateError.runtime("No filter named '\(name)'.") }
        return try filter(value, arguments, self)
    }

    func apply(test name: String, _ value: TemplateValue, _ arguments: CallArguments) throws -> Bool {
        guard let test = TemplateTests.table[name] else { throw TemplateError.runtime("No test named '\(name)'.") }
        return try test(value, arguments, self)
    }

    private func evaluateTest(
        _ input: TemplateExpression, _ name: String, _ arguments: TemplateExpression.Arguments, _ activation: Activation
    ) throws -> TemplateValue {
        let value = try evaluate(input, activation)
        let values = try evaluateArguments(arguments, activation)
        return .bool(try apply(test: name, value, values))
    }
}
