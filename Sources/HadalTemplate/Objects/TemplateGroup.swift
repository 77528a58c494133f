/// What `groupby` yields: a pair with names.
final class TemplateGroup: TemplateObject {
    let grouper: TemplateValue
    let list: TemplateValue
    init(grouper: TemplateValue, list: TemplateValue) {
        self.grouper = grouper
        self.list = list
    }
    override var typeName: String { "_GroupTuple" }
    override var depth: Int { 1 + max(grouper.depth, list.depth) }
    override func attribute(_ name: String) -> TemplateValue? { name == "grouper" ? grouper : name == "list" ? list : nil }
    override var isIterable: Bool { true }
    override func makeIterator(_ run: TemplateRun) throws -> TemplateIterator? { TemplateIterator([grouper, list]) }
    override func count() throws -> Int? { 2 }
    override var isSequence: Bool { true }
    override func item(_ key: TemplateValue) throws -> TemplateValue? {
        switch key.index {
        case 0, -2: grouper
        case 1, -1: list
        default: nil
        }
    }
}
