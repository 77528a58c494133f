/// An iterator that can be walked once, made by filters such as `map` and `select`.
final class TemplateGenerator: TemplateObject {
    private var iterator: TemplateIterator
    private let levels: Int
    private let name: String
    /// - Parameter source: The value it draws from, for the depth.
    init(_ iterator: TemplateIterator, source: TemplateValue, name: String = "generator") {
        self.iterator = iterator
        self.name = name
        levels = source.depth + 1
    }
    override var typeName: String { name }
    override var depth: Int { levels }
    override var isIterable: Bool { true }
    override func makeIterator(_ run: TemplateRun) throws -> TemplateIterator? { TemplateIterator { try self.iterator.next() } }
}
