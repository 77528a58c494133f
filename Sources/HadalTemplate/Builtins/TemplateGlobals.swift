import HadalCore

/// The functions every template can call.
enum TemplateGlobals {
    static let table: [String: @Sendable () -> TemplateValue] = [
        "range": { function("range", range) },
        "dict": {
            function("dict") { arguments, run in .dict(try dictionary(arguments, run)) }
        },
        "namespace": {
            function("namespace") { arguments, run in .object(run.makeNamespace(try dictionary(arguments, run))) }
        },
        "cycler": {
            function("cycler") { arguments, _ in
                if arguments.positional.isEmpty { throw TemplateError.runtime("at least one item has to be provided") }
                return .object(TemplateCycler(arguments.positional))
            }
        },
        "joiner": {
            function("joiner") { arguments, _ in
                .object(TemplateJoiner(try arguments.bound(to: ["sep"], of: "joiner")[0] ?? .string(", ")))
            }
        },
        "raise_exception": {
            function("raise_exception") { arguments, run in
                let message = try arguments.bound(to: ["message"], required: 1, of: "raise_exception")[0] ?? .null
                throw TemplateError(.raised, try message.printed(run))
            }
        },
        "strftime_now": {
            function("strftime_now") { arguments, run in
                let format = try arguments.bound(to: ["format"], required: 1, of: "strftime_now").text(0) ?? ""
                return .string(try run.now.formatted(format))
            }
        },
    ]

    private static func function(_ name: String, _ body: @escaping TemplateFunction.Body) -> TemplateValue {
        .object(TemplateFunction(name, body))
    }

    private static func range(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue {
        guard arguments.keyword.isEmpty else { throw TemplateError.type("range() takes no keyword arguments") }
        let bound = try arguments.bound(to: ["start", "stop", "step"], required: 1, of: "range")
        let first = try bound.int(0) ?? 0
        let second = try bound.int(1)
        let step = try bound.int(2) ?? 1
        if step == 0 { throw TemplateError.runtime("range() arg 3 must not be zero") }
        let range = second.map { TemplateRange(from: first, to: $0, by: step) } ?? TemplateRange(from: 0, to: first, by: 1)
        guard let range, range.length <= run.limits.rangeLength else {
            throw run.exceeded("made a range of more than \(run.limits.rangeLength) items")
        }
        return .object(range)
    }

    /// `dict(mapping or pairs, **members)`
    private static func dictionary(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateDictionary {
        let result = TemplateDictionary()
        guard arguments.positional.count <= 1 else {
            throw TemplateError.type("dict expected at most 1 argument, got \(arguments.positional.count)")
        }
        if let source = arguments.positional.first {
            if case .dict(let dictionary) = source {
                for (key, value) in zip(dictionary.keys, dictionary.values) { try result.set(key, value) }
            } else {
                for pair in try source.items(run) {
                    let items = try pair.items(run)
                    guard items.count == 2 else {
                        throw TemplateError.runtime("dictionary update sequence element has length \(items.count); 2 is required")
                    }
                    try result.set(items[0], items[1])
                }
            }
        }
        for (name, value) in arguments.keyword { result.set(name, value) }
        return result
    }
}
