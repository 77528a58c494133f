import HadalCore

/// Combinations of schemas, each known by a number: equal combinations are one, which is what ends the recursion of schemas that refer to
/// themselves.
struct SchemaTerms {
    typealias ID = Int

    enum Content: Hashable {
        case all
        case none
        /// A node of the source.
        case schema(Int)
        /// Index into `constants`.
        case constant(Int)
        case intersection([ID])
        case union([ID])
        case complement(ID)
    }

    static let all: ID = 0
    static let none: ID = 1

    private(set) var contents: [Content] = [.all, .none]
    private(set) var constants: [JSON] = []
    private var known: [Content: ID] = [.all: 0, .none: 1]

    subscript(id: ID) -> Content { contents[id] }
    var count: Int { contents.count }

    private mutating func intern(_ content: Content) -> ID {
        if let id = known[content] { return id }
        known[content] = contents.count
        contents.append(content)
        return contents.count - 1
    }

    mutating func schema(_ node: Int, json: JSON) -> ID {
        if let value = json.bool { return value ? SchemaTerms.all : SchemaTerms.none }
        return intern(.schema(node))
    }

    mutating func constant(_ value: JSON) -> ID {
        constants.append(value)
        return intern(.constant(constants.count - 1))
    }

    mutating func complement(_ id: ID) -> ID {
        switch contents[id] {
        case .all: SchemaTerms.none
        case .none: SchemaTerms.all
        case .complement(let inner): inner
        default: intern(.complement(id))
        }
    }

    mutating func intersection(_ a: ID, _ b: ID) -> ID {
        if a == b || b == SchemaTerms.all { return a }
        if a == SchemaTerms.all { return b }
        if a == SchemaTerms.none || b == SchemaTerms.none { return SchemaTerms.none }
        var members: [ID] = []
        for id in [a, b] { if case .intersection(let inner) = contents[id] { members += inner } else { members.append(id) } }
        members = SchemaTerms.sorted(members)
        for member in members {
            if case .complement(let inner) = contents[member], members.contains(inner) { return SchemaTerms.none }
        }
        return intern(.intersection(members))
    }

    mutating func union(_ a: ID, _ b: ID) -> ID {
        if a == b || b == SchemaTerms.none { return a }
        if a == SchemaTerms.none { return b }
        if a == SchemaTerms.all || b == SchemaTerms.all { return SchemaTerms.all }
        var members: [ID] = []
        for id in [a, b] { if case .union(let inner) = contents[id] { members += inner } else { members.append(id) } }
        return intern(.union(SchemaTerms.sorted(members)))
    }

    private static func sorted(_ members: [ID]) -> [ID] {
        var result: [ID] = []
        for id in members.sorted() where result.last != id { result.append(id) }
        return result
    }
}
