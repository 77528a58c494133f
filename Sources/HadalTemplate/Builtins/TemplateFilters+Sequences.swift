extension TemplateFilters {
    static let sequenceFilters: [String: Filter] = [
        "length": plain("length") { value, _ in .int(try value.length()) },
        "count": plain("count") { value, _ in .int(try value.length()) },
        "list": plain("list") { value, run in .list(try value.items(run)) },
        "first": plain("first") { value, run in
            var iterator = try value.iterate(run)
            return try iterator.next() ?? .undefined(.hint("No first item, sequence was empty."))
        },
        "last": plain("last") { value, run in
            if case .object(let object) = value, try object.count() == nil {
                throw TemplateError.type("'\(value.typeName)' object is not reversible")
            }
            if case .undefined = value { return .undefined(.hint("No last item, sequence was empty.")) }
            return try value.items(run).last ?? .undefined(.hint("No last item, sequence was empty."))
        },
        "random": plain("random") { value, run in
            try value.items(run).randomElement() ?? .undefined(.hint("No random item, sequence was empty."))
        },
        "reverse": plain("reverse") { value, run in
            if let text = value.text { return .string(try Slicing.slice(text, nil, nil, -1)) }
            if case .undefined = value { return generator(value) { nil } }
            var items = try value.items(run)[...]
            return generator(value) { items.popLast() }
        },
        "items": plain("items") { value, run in
            if case .undefined = value { return generator(value) { nil } }
            // Not before the first item is asked for does a wrong type fail.
            var iterator: TemplateIterator?
            return generator(value) {
                if iterator == nil {
                    guard case .dict(let dictionary) = value else { throw TemplateError.type("Can only get item pairs from a mapping.") }
                    iterator = try TemplateDictionaryView(.items, of: dictionary).makeIterator(run)
                }
                return try iterator?.next()
            }
        },
        "attr": { value, arguments, run in
            let name = try arguments.bound(to: ["name"], required: 1, of: "attr").text(0) ?? ""
            if case .dict = value, !TemplateMethods.has(value, name) { return .undefined(.attribute(name, ofType: value.typeName)) }
            return try run.attribute(name, of: value)
        },
        "default": defaulting, "d": defaulting,
        "join": { value, arguments, run in
            let bound = try arguments.bound(to: ["d", "attribute"], of: "join")
            let separator = try bound[0]?.printed(run) ?? ""
            let get = getter(bound.given(1))
            var out = ""
            var isFirst = true
            var iterator = try value.iterate(run)
            while let item = try iterator.next() {
                try run.charge(1)
                if !isFirst { out += separator }
                isFirst = false
                out += try get(item, run).printed(run)
                try run.check(bytes: out.utf8.count)
            }
            try run.charge(bytes: out.utf8.count)
            return .string(out)
        },
        "map": map,
        "select": selecting(keeps: true, byAttribute: false),
        "reject": selecting(keeps: false, byAttribute: false),
        "selectattr": selecting(keeps: true, byAttribute: true),
        "rejectattr": selecting(keeps: false, byAttribute: true),
        "batch": { value, arguments, run in
            let bound = try arguments.bound(to: ["linecount", "fill_with"], required: 1, of: "batch")
            let size = try bound.int(0) ?? 1
            if size > run.limits.rangeLength { throw run.exceeded("made a batch of more than \(run.limits.rangeLength) items") }
            var iterator = try value.iterate(run)
            var pending: TemplateValue?
            var isDone = false
            return generator(value) {
                var row: [TemplateValue] = pending.map { [$0] } ?? []
                pending = nil
                while !isDone {
                    guard let item = try iterator.next() else {
                        isDone = true
                        break
                    }
                    try run.charge(1)
                    if row.count == size {
                        pending = item
                        return .list(row)
                    }
                    row.append(item)
                }
                if row.isEmpty { return nil }
                if let fill = bound.given(1), row.count < size { row += Array(repeating: fill, count: size - row.count) }
                return .list(row)
            }
        },
        "slice": { value, arguments, run in
            let bound = try arguments.bound(to: ["slices", "fill_with"], required: 1, of: "slice")
            let slices = try bound.int(0) ?? 1
            if slices > run.limits.rangeLength { throw run.exceeded("made more than \(run.limits.rangeLength) slices") }
            let items = try value.items(run)
            if slices == 0 { throw TemplateError.runtime("integer division or modulo by zero") }
            var at = 0
            var start = 0
            return generator(value) {
                guard at < slices else { return nil }
                try run.charge(1)
                let isLong = at < items.count % slices
                let end = start + items.count / slices + (isLong ? 1 : 0)
                var row = Array(items[start..<end])
                if let fill = bound.given(1), !isLong { row.append(fill) }
                start = end
                at += 1
                return .list(row)
            }
        },
    ]

    private static let defaulting: Filter = { value, arguments, _ in
        let bound = try arguments.bound(to: ["default_value", "boolean"], of: "default")
        if value.isUndefined || (bound.isTrue(1) && !value.isTrue) { return bound[0] ?? .string("") }
        return value
    }

    private static let map: Filter = { value, arguments, run in
        var transform: ((TemplateValue) throws -> TemplateValue)?
        func prepared() throws -> (TemplateValue) throws -> TemplateValue {
            if arguments.positional.isEmpty, let attribute = arguments.keyword.first(where: { $0.name == "attribute" }) {
                if let other = arguments.keyword.first(where: { $0.name != "attribute" && $0.name != "default" }) {
                    throw TemplateError.runtime("Unexpected keyword argument '\(other.name)'")
                }
                let get = getter(attribute.value, default: arguments.keyword.first { $0.name == "default" }?.value)
                return { try get($0, run) }
            }
            guard let name = arguments.positional.first?.text else { throw TemplateError.runtime("map requires a filter argument") }
            let rest = CallArguments(positional: Array(arguments.positional.dropFirst()), keyword: arguments.keyword)
            return { try run.apply(filter: name, $0, rest) }
        }
        return lazily(value, run) { item in
            if transform == nil { transform = try prepared() }
            return try transform?(item)
        }
    }

    /// Draws items from `source` through `body` until one is not nil; touches nothing before the first is asked for.
    private static func lazily(
        _ source: TemplateValue, _ run: TemplateRun, _ body: @escaping (TemplateValue) throws -> TemplateValue?
    ) -> TemplateValue {
        var iterator: TemplateIterator?
        var isEmpty = false
        return generator(source) {
            if iterator == nil, !isEmpty {
                if source.isTrue { iterator = try source.iterate(run) } else { isEmpty = true }
            }
            while let item = try iterator?.next() {
                try run.charge(1)
                if let result = try run.nested({ try body(item) }) { return result }
            }
            return nil
        }
    }

    private static func selecting(keeps: Bool, byAttribute: Bool) -> Filter {
        { value, arguments, run in
            var rest = arguments.positional[...]
            var get: ((TemplateValue, TemplateRun) throws -> TemplateValue)?
            if byAttribute {
                guard let attribute = rest.popFirst() else {
                    return lazily(value, run) { _ in throw TemplateError.runtime("Missing parameter for attribute name") }
                }
                get = getter(attribute)
            }
            let name = rest.popFirst()
            let others = CallArguments(positional: Array(rest), keyword: arguments.keyword)
            return lazily(value, run) { item in
                let subject = try get?(item, run) ?? item
                let holds: Bool
                if let name {
                    guard let text = name.text else { throw TemplateError.runtime("No test named \(try name.represented(run)).") }
                    holds = try run.apply(test: text, subject, others)
                } else {
                    holds = subject.isTrue
                }
                return holds == keeps ? item : nil
            }
        }
    }
}
