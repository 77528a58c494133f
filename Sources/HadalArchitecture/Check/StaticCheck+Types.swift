import HadalCore

/// What formulas come to, as far as the description alone says.
extension StaticCheck {
    /// The type of a parameter's value.
    mutating func type(of spec: ParameterSpec) -> ValueType {
        if let known = parameterTypes[spec.name] { return known }
        // Circles, and chains that are too long, are reported elsewhere.
        guard typesInProgress < Limits.parameterDepth else { return .any }
        typesInProgress += 1
        defer { typesInProgress -= 1 }
        parameterTypes[spec.name] = .any
        let indices: Set<String> = spec.per == nil ? [] : [spec.index]
        var formulas: [ValueType] = []
        for formula in [spec.value, spec.fallback, spec.null].compactMap({ $0 }) { formulas.append(quietType(of: formula, indices)) }
        let mayBeNull = formulas.contains { $0.kinds.contains(.null) }
        var one: ValueType
        if let kinds = spec.kinds {
            one = ValueType(kinds)
        } else if spec.value != nil {
            one = formulas.first ?? .any
            if spec.per != nil, !one.element.kinds.isEmpty, one.kinds == .list { one = one.element }
        } else {
            one = .any
        }
        if one.kinds.contains(.string) {
            let mapped = Set(spec.map.compactMap(\.to.string)), chosen = Set(spec.choices.compactMap(\.string))
            if !spec.map.isEmpty { one.texts = mapped }
            if !spec.choices.isEmpty { one.texts = one.texts.map { $0.intersection(chosen) } ?? chosen }
            // What no file gives is what the description says.
            if spec.map.isEmpty, spec.choices.isEmpty, spec.config.isEmpty, spec.gguf.isEmpty, spec.extent == nil, spec.element == nil {
                let own = ValueType(oneOf: formulas.map { $0.present == .list ? $0.element : $0 })
                one.texts = own.kinds.contains(.string) ? own.texts : nil
            }
        }
        var type = one
        if spec.per != nil {
            type = .list(of: mayBeNull ? one.adding(.null) : one)
        } else if spec.isList {
            type = .list(of: one)
        }
        if mayBeNull { type = type.adding(.null) }
        parameterTypes[spec.name] = type
        return type
    }

    /// The type of a formula whose faults are reported where it stands.
    private mutating func quietType(of formula: Formula, _ indices: Set<String>) -> ValueType {
        isQuiet += 1
        defer { isQuiet -= 1 }
        return type(of: formula, indices)
    }

    /// The type of a formula. Reports operands that cannot be right, and comparisons that never hold.
    mutating func type(of formula: Formula, _ indices: Set<String>) -> ValueType {
        switch formula.kind {
        case .constant(let value): return ValueType(of: value)
        case .list(let items):
            return items.isEmpty ? ValueType(.list) : .list(of: ValueType(oneOf: items.map { type(of: $0, indices) }))
        case .expression(let expression):
            if expression.names.isEmpty {
                do { return ValueType(of: try expression.evaluate { _ in nil }) } catch let error as HadalError {
                    fault(error.message, formula, error.code)
                } catch {}
                return .any
            }
            return type(of: expression.root, formula, indices)
        }
    }

    private mutating func fault(_ message: String, _ formula: Formula, _ code: HadalError.Code = .mismatch) {
        if isQuiet == 0 { report(HadalError(code, message, at: formula.place)) }
    }

    private mutating func type(of node: Expression.Node, _ formula: Formula, _ indices: Set<String>) -> ValueType {
        switch node {
        case .literal(let value): return ValueType(of: value)
        case .has: return ValueType(.bool)
        case .name(let name): return type(ofName: name, indices)
        case .array(let items):
            return items.isEmpty ? ValueType(.list) : .list(of: ValueType(oneOf: items.map { type(of: $0, formula, indices) }))
        case .conditional(let condition, let yes, let no):
            want(condition, .bool, "what stands before '?'", formula, indices)
            return ValueType(oneOf: [type(of: yes, formula, indices), type(of: no, formula, indices)])
        case .index(let base, let index):
            want(index, .number, "an index", formula, indices)
            let whole = type(of: base, formula, indices)
            if whole.excludes([.list, .string]) {
                fault("only an array or a text can be indexed, not \(whole.description), in expression \"\(formula.text)\"", formula)
                return .any
            }
            return ValueType(
                oneOf: (whole.kinds.contains(.list) ? [whole.element] : []) + (whole.kinds.contains(.string) ? [ValueType(.string)] : []))
        case .unary(let op, let a):
            want(a, op == "!" ? .bool : .number, "'\(op)'", formula, indices)
            return ValueType(op == "!" ? .bool : .number)
        case .binary(let op, let a, let b):
            switch op {
            case "==", "!=":
                compare(type(of: a, formula, indices), type(of: b, formula, indices), formula, op)
                return ValueType(.bool)
            case "&&", "||":
                for side in [a, b] { want(side, .bool, "'\(op)'", formula, indices) }
                return ValueType(.bool)
            default:
                for side in [a, b] { want(side, .number, "'\(op)'", formula, indices) }
                return ValueType(["<", "<=", ">", ">="].contains(op) ? .bool : .number)
            }
        case .call(let name, let arguments): return call(name, arguments, formula, indices)
        }
    }

    private mutating func call(_ name: String, _ arguments: [Expression.Node], _ formula: Formula, _ indices: Set<String>) -> ValueType {
        switch name {
        case "contains":
            let types = arguments.map { type(of: $0, formula, indices) }
            if types[0].excludes(.list) {
                fault("contains() takes a list and a value, not \(types[0].description), in expression \"\(formula.text)\"", formula)
            } else if types[0].kinds.contains(.list) {
                compare(types[0].element, types[1], formula, "contains()")
            }
            return ValueType(.bool)
        case "last":
            let types = arguments.map { type(of: $0, formula, indices) }
            if types[0].excludes(.list) {
                fault("last() takes a list and a value, not \(types[0].description), in expression \"\(formula.text)\"", formula)
            } else if types[0].kinds.contains(.list) {
                compare(types[0].element, types[1], formula, "last()")
            }
            if arguments.count > 2 { want(arguments[2], .number, "last()", formula, indices) }
        case "len": want(arguments[0], [.list, .string], "len()", formula, indices)
        case "sum":
            let type = type(of: arguments[0], formula, indices)
            if type.excludes(.list) || type.kinds.contains(.list) && type.element.excludes(.number) {
                fault("sum() takes a list of numbers, in expression \"\(formula.text)\"", formula)
            }
        default: for argument in arguments { want(argument, .number, "\(name)()", formula, indices) }
        }
        return ValueType(.number)
    }

    private mutating func want(
        _ node: Expression.Node, _ kinds: ValueType.Kinds, _ what: String, _ formula: Formula, _ indices: Set<String>
    ) {
        let type = type(of: node, formula, indices)
        guard type.excludes(kinds) else { return }
        fault("\(what) takes \(ValueType(kinds).description), not \(type.description), in expression \"\(formula.text)\"", formula)
    }

    private mutating func compare(_ a: ValueType, _ b: ValueType, _ formula: Formula, _ op: String) {
        switch a.conflict(with: b) {
        case nil: break
        case .kinds where a.present == .list && !b.present.contains(.list) || b.present == .list && !a.present.contains(.list):
            let other = a.present == .list ? b : a
            fault(
                Expression.listComparison(other.texts?.first.map { "'\($0)'" } ?? other.description)
                    + ", in expression \"\(formula.text)\"", formula)
        case .kinds:
            fault("\(op): \(a.description) is never equal to \(b.description), in expression \"\(formula.text)\"", formula)
        case .texts:
            guard isQuiet == 0 else { return }
            func listed(_ type: ValueType) -> String { (type.texts ?? []).sorted().map { "'\($0)'" }.joined(separator: ", ") }
            let (few, many) = (a.texts?.count ?? 0) <= (b.texts?.count ?? 0) ? (a, b) : (b, a)
            note("\(formula.place): in \"\(formula.text)\" the value is one of \(listed(many)) and never \(listed(few))")
        }
    }

    private mutating func type(ofName name: String, _ indices: Set<String>) -> ValueType {
        if indices.contains(name) { return ValueType(.number) }
        if let spec = description.parameter(name) { return type(of: spec) }
        if description.weightIndex[name] != nil { return ValueType([.bool, .null]) }
        switch name {
        case "format": return ValueType(.string, texts: Set(ModelFormat.allCases.map(\.rawValue)))
        case "arch": return ValueType([.string, .null])
        default: return .any
        }
    }

    /// Checks the names in a formula, and that it may come to what is asked for.
    ///
    /// - Parameter range: of an integer; checked where the formula is one.
    mutating func formula(
        _ formula: Formula, _ indices: Set<String>, _ kinds: ValueType.Kinds, _ what: String, in range: ClosedRange<Int>? = nil
    ) {
        let before = findings.count
        names(formula, indices)
        // One cause, one message.
        guard findings.count == before else { return }
        let type = type(of: formula, indices)
        guard findings.count == before else { return }
        if type.excludes(kinds) {
            return report(formula.fail("\(what): \(formula.text) is \(type.description), not \(ValueType(kinds).description)"))
        }
        guard let value = constant(formula) else { return }
        if value.isNull, !kinds.contains(.null) {
            report(formula.fail("\(what): \(formula.text) is null, not \(ValueType(kinds).description)"))
        } else if let range, !value.isNull {
            do { _ = try formula.int(NoNames(), what, in: range) } catch let error as HadalError { report(error) } catch {}
        }
    }

    /// The value of a formula that names nothing.
    func constant(_ formula: Formula) -> ExpressionValue? {
        guard formula.names.isEmpty else { return nil }
        return try? formula.evaluate(NoNames())
    }

    /// The largest number that a formula may come to, where the description bounds it.
    func most(_ formula: Formula) -> Int? {
        if let value = constant(formula) { return value.int }
        guard case .expression(let expression) = formula.kind else { return nil }
        var seen: Set<String> = []
        return most(expression.root, &seen)
    }

    /// - Parameter seen: names that have been followed. One that comes again is taken to have no bound.
    private func most(_ node: Expression.Node, _ seen: inout Set<String>) -> Int? {
        switch node {
        case .literal(let value): return value.int
        case .conditional(_, let yes, let no):
            guard let a = most(yes, &seen), let b = most(no, &seen) else { return nil }
            return max(a, b)
        case .call("min", let items):
            var bounds: [Int] = []
            for item in items { if let bound = most(item, &seen) { bounds.append(bound) } }
            return bounds.min()
        case .name(let name):
            guard seen.count < Limits.parameterDepth, seen.insert(name).inserted, let spec = description.parameter(name), spec.per == nil,
                !spec.isList
            else { return nil }
            if let maximum = spec.maximum { return Int(exactly: maximum.rounded(.down)) }
            guard case .expression(let value)? = spec.value?.kind else { return spec.value.flatMap { constant($0)?.int } }
            return most(value.root, &seen)
        default: return nil
        }
    }

    /// Where nothing has a name.
    private struct NoNames: NameScope {
        func value(of name: String) -> ExpressionValue? { nil }
    }
}
