/// The special variable `loop`.
final class TemplateLoop: TemplateObject {
    private var iterator: TemplateIterator
    /// The value iterated over, where its length counts.
    private let iterable: TemplateValue?
    private let level: Int
    private let sourceDepth: Int
    private(set) var index = -1
    private var knownLength: Int?
    private var current: TemplateValue?
    private var before: TemplateValue?
    /// The item after the current one: not fetched, fetched, or known not to exist.
    private var after: TemplateValue??
    private var lastChanged: [TemplateValue]?
    /// Renders the loop's body over other items.
    var recurse: ((TemplateValue, Int) throws -> String)?

    init(_ iterator: TemplateIterator, over iterable: TemplateValue?, depth: Int, sourceDepth: Int) {
        self.iterator = iterator
        self.iterable = iterable
        level = depth
        self.sourceDepth = sourceDepth
    }

    func advance(_ run: TemplateRun) throws -> TemplateValue? {
        let item: TemplateValue?
        if let fetched = after, fetched != nil {
            item = fetched
            after = nil
        } else {
            item = try iterator.next()
        }
        guard let item else { return nil }
        index += 1
        before = current
        current = item
        return item
    }

    private func peek() throws -> TemplateValue? {
        if let fetched = after, fetched != nil { return fetched }
        let item = try iterator.next()
        after = .some(item)
        return item
    }

    func length(_ run: TemplateRun) throws -> Int {
        if let knownLength { return knownLength }
        if let iterable, let length = try? iterable.length() {
            knownLength = length
            return length
        }
        var rest: [TemplateValue] = []
        while let item = try iterator.next() {
            try run.charge(1)
            rest.append(item)
        }
        let fetched = if let after, after != nil { 1 } else { 0 }
        let length = rest.count + index + 1 + fetched
        iterator = TemplateIterator(rest)
        knownLength = length
        return length
    }

    /// - Returns: nil for a name that `loop` does not have.
    func attribute(_ name: String, _ run: TemplateRun) throws -> TemplateValue? {
        switch name {
        case "index": .int(index + 1)
        case "index0": .int(index)
        case "first": .bool(index == 0)
        case "last": .bool(try peek() == nil)
        case "length": .int(try length(run))
        case "revindex": .int(try length(run) - index)
        case "revindex0": .int(try length(run) - index - 1)
        case "depth": .int(level + 1)
        case "depth0": .int(level)
        case "previtem": index == 0 ? .undefined(.hint("there is no previous item")) : before
        case "nextitem": try peek() ?? .undefined(.hint("there is no next item"))
        case "cycle":
            .object(
                TemplateFunction("cycle") { [self] arguments, _ in
                    let items = arguments.positional
                    if items.isEmpty { throw TemplateError.type("no items for cycling given") }
                    return items[index % items.count]
                })
        case "changed":
            .object(
                TemplateFunction("changed") { [self] arguments, _ in
                    let values = arguments.positional
                    if let lastChanged, try TemplateValue.tuple(lastChanged).equals(.tuple(values)) { return .bool(false) }
                    lastChanged = values
                    return .bool(true)
                })
        default: nil
        }
    }

    override var typeName: String { "LoopContext" }
    override var depth: Int { sourceDepth + 1 }
    override var isTrue: Bool { true }
    override var isCallable: Bool { true }
    override func call(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue? {
        let bound = try arguments.bound(to: ["iterable"], required: 1, of: "loop")
        guard let recurse else { throw TemplateError.type("The loop must have the 'recursive' marker to be called recursively.") }
        return .string(try recurse(bound[0] ?? .null, level + 1))
    }
}
