import HadalCore

/// What is known of a value before there is a model: the kinds it may be of, and, where they are few, the texts.
struct ValueType: Sendable {
    struct Kinds: OptionSet, Sendable {
        let rawValue: Int
        static let null = Kinds(rawValue: 1)
        static let bool = Kinds(rawValue: 2)
        static let number = Kinds(rawValue: 4)
        static let string = Kinds(rawValue: 8)
        static let list = Kinds(rawValue: 16)
        static let all: Kinds = [.null, .bool, .number, .string, .list]
    }

    var kinds: Kinds
    /// Of a list's entries: none or one. None: nothing is known of them.
    private var elements: [ValueType] = []
    /// Every text that a string may be; nil: any.
    var texts: Set<String>?

    init(_ kinds: Kinds, texts: Set<String>? = nil) {
        self.kinds = kinds
        self.texts = texts
    }

    static let any = ValueType(.all)
    static func list(of element: ValueType) -> ValueType {
        var type = ValueType(.list)
        type.elements = [element]
        return type
    }

    init(of value: ExpressionValue) {
        switch value {
        case .null: self.init(.null)
        case .bool: self.init(.bool)
        case .int, .float: self.init(.number)
        case .string(let text): self.init(.string, texts: [text])
        case .array(let items): self = items.isEmpty ? ValueType(.list) : .list(of: ValueType(oneOf: items.map(ValueType.init(of:))))
        }
    }

    /// What one of several may be.
    init(oneOf types: [ValueType]) {
        self.init(Kinds())
        var texts: Set<String>? = []
        var elements: [ValueType] = []
        var knowsElements = true
        for type in types {
            kinds.formUnion(type.kinds)
            if type.kinds.contains(.string) {
                if let some = type.texts { texts?.formUnion(some) } else { texts = nil }
            }
            if type.kinds.contains(.list) {
                elements += type.elements
                if type.elements.isEmpty { knowsElements = false }
            }
        }
        self.texts = kinds.contains(.string) ? texts : nil
        self.elements = knowsElements && !elements.isEmpty ? [ValueType(oneOf: elements)] : []
    }

    var element: ValueType { elements.first ?? .any }

    /// Without null: what a value that is there may be.
    var present: Kinds { kinds.subtracting(.null) }

    func adding(_ kinds: Kinds) -> ValueType {
        var copy = self
        copy.kinds.formUnion(kinds)
        return copy
    }

    /// Whether every value that is there is of another kind than these. Not so for what is nothing but null: names that a family
    /// does without are set to null, and what uses them lies behind a condition.
    func excludes(_ wanted: Kinds) -> Bool { !present.isEmpty && present.isDisjoint(with: wanted) }

    /// "a list", "a string or null".
    var description: String {
        let names: [(Kinds, String)] = [
            (.bool, "true or false"), (.number, "a number"), (.string, "a text"), (.list, "a list"), (.null, "null"),
        ]
        return names.filter { kinds.contains($0.0) }.map(\.1).joined(separator: " or ")
    }

    /// Why the two can never be equal: nil when they can.
    func conflict(with other: ValueType) -> Conflict? {
        guard !present.isEmpty, !other.present.isEmpty else { return nil }
        // Null equals null.
        if kinds.contains(.null), other.kinds.contains(.null) { return nil }
        guard !present.isDisjoint(with: other.present) else { return .kinds }
        let common = present.intersection(other.present)
        if common == .list, !elements.isEmpty, !other.elements.isEmpty, element.conflict(with: other.element) == .kinds { return .kinds }
        if common == .string, let a = texts, let b = other.texts, a.isDisjoint(with: b) { return .texts }
        return nil
    }

    enum Conflict { case kinds, texts }
}
