/// `joiner(…)`: nothing on its first call, its separator afterwards.
final class TemplateJoiner: TemplateObject {
    private let separator: TemplateValue
    private var isUsed = false
    init(_ separator: TemplateValue) { self.separator = separator }
    override var typeName: String { "Joiner" }
    override var depth: Int { 1 + separator.depth }
    override var isCallable: Bool { true }
    override func attribute(_ name: String) -> TemplateValue? { name == "sep" ? separator : name == "used" ? .bool(isUsed) : nil }
    override func call(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue? {
        defer { isUsed = true }
        return isUsed ? separator : .string("")
    }
}
