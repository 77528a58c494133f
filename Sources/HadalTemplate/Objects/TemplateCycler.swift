/// `cycler(…)`
final class TemplateCycler: TemplateObject {
    private let items: [TemplateValue]
    private var at = 0
    init(_ items: [TemplateValue]) { self.items = items }
    override var typeName: String { "Cycler" }
    override var depth: Int { 1 + (items.map(\.depth).max() ?? 0) }
    override func attribute(_ name: String) -> TemplateValue? {
        switch name {
        case "current": items[at]
        case "next": .object(TemplateFunction("next") { [self] _, _ in advance() })
        case "reset":
            .object(
                TemplateFunction("reset") { [self] _, _ in
                    at = 0
                    return .null
                })
        case "items": .tuple(items)
        case "pos": .int(at)
        default: nil
        }
    }
    private func advance() -> TemplateValue {
        defer { at = (at + 1) % items.count }
        return items[at]
    }
}
