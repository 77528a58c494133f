/// Jinja's filters, by name.
enum TemplateFilters {
    typealias Filter = @Sendable (TemplateValue, CallArguments, TemplateRun) throws -> TemplateValue

    static let table: [String: Filter] = textFilters.merging(sequenceFilters) { a, _ in a }
        .merging(orderFilters) { a, _ in a }.merging(numberFilters) { a, _ in a }

    /// A filter without parameters.
    static func plain(_ name: String, _ body: @escaping @Sendable (TemplateValue, TemplateRun) throws -> TemplateValue) -> Filter {
        { value, arguments, run in
            _ = try arguments.bound(to: [], of: name)
            return try body(value, run)
        }
    }

    /// Text in, text out; marked text stays marked, as `soft_str` has it.
    static func text(_ name: String, _ body: @escaping @Sendable (String) -> String) -> Filter {
        plain(name) { value, run in
            let text = try value.printed(run)
            try run.charge(bytes: text.utf8.count)
            return value.isMarkup ? .markup(body(text)) : .string(body(text))
        }
    }

    /// Fetches `a.b.0` from items, as the filters that take an attribute do.
    static func getter(_ attribute: TemplateValue?, default fallback: TemplateValue? = nil) -> (TemplateValue, TemplateRun) throws ->
        TemplateValue
    {
        var parts: [TemplateValue] = []
        if let text = attribute?.text {
            parts = StringMethods.split(text, at: ".", limit: nil).map { part in
                if !part.isEmpty, part.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let index = Int(part) { return .int(index) }
                return .string(part)
            }
        } else if let attribute, !attribute.isNone {
            parts = [attribute]
        }
        return { item, run in
            var item = item
            for part in parts {
                item = try run.item(part, of: item)
                if item.isUndefined, let fallback, !fallback.isNone { item = fallback }
            }
            return item
        }
    }

    static func ignoringCase(_ value: TemplateValue) -> TemplateValue { value.text.map { .string(StringMethods.lower($0)) } ?? value }

    static func generator(_ source: TemplateValue, _ step: @escaping () throws -> TemplateValue?) -> TemplateValue {
        .object(TemplateGenerator(TemplateIterator(step), source: source))
    }
}
