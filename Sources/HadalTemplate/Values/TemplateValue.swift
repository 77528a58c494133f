import HadalCore

/// A value while a template runs, with Python's types and meaning.
///
/// Containers are immutable, as they are in the sandbox the templates are written for. Not `Sendable`: a value belongs to
/// one rendering.
enum TemplateValue {
    case undefined(TemplateUndefined)
    case null
    case bool(Bool)
    case int(Int)
    /// An integer beyond 64 bits, and no other: see `integer`.
    case bigInteger(BigInteger)
    case float(Double)
    case string(String)
    /// A string that `safe` or `escape` marked; concatenation escapes what is joined to it.
    case markup(String)
    case list(TemplateList)
    case tuple(TemplateList)
    case dict(TemplateDictionary)
    case object(TemplateObject)
}

/// Why a value is undefined; told when it is used.
final class TemplateUndefined {
    enum Reason {
        case name(String)
        case attribute(String, ofType: String)
        case element(String, ofType: String)
        case hint(String)
        /// An attribute that the sandbox does not let templates use.
        case unsafe(String, ofType: String)
    }
    let reason: Reason
    init(_ reason: Reason) { self.reason = reason }

    var message: String {
        switch reason {
        case .name(let name): "'\(name)' is undefined"
        case .attribute(let name, let type): "'\(type) object' has no attribute '\(name)'"
        case .element(let index, let type): "\(type) object has no element \(index)"
        case .hint(let text): text
        case .unsafe(let name, let type): "access to attribute '\(name)' of '\(type)' object is unsafe."
        }
    }

    var error: TemplateError { .runtime(message) }
}

/// The items of a list or tuple.
final class TemplateList {
    let items: [TemplateValue]
    /// Levels of containers, this one included.
    let depth: Int
    init(_ items: [TemplateValue]) {
        self.items = items
        var inner = 0
        for item in items { inner = max(inner, item.depth) }
        depth = inner + 1
    }
}

/// Something with identity: functions, iterators, namespaces and the like.
class TemplateObject {
    /// As Python names the type.
    var typeName: String { "object" }
    /// Levels of values held alive by this one; namespaces count as one, since the rendering itself holds them.
    var depth: Int { 1 }
    var isTrue: Bool { true }
    var text: String { "<\(typeName) object>" }
    func attribute(_ name: String) -> TemplateValue? { nil }
    /// nil: not callable.
    func call(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue? { nil }
    var isCallable: Bool { false }
    /// nil: not iterable.
    func makeIterator(_ run: TemplateRun) throws -> TemplateIterator? { nil }
    var isIterable: Bool { false }
    /// nil: has no length.
    func count() throws -> Int? { nil }
    /// nil: no such item, or not indexable.
    func item(_ key: TemplateValue) throws -> TemplateValue? { nil }
    /// Has a length and can be indexed.
    var isSequence: Bool { false }
    func equals(_ other: TemplateObject) throws -> Bool { self === other }
    func contains(_ value: TemplateValue) throws -> Bool? { nil }
}

extension TemplateValue {
    static func list(_ items: [TemplateValue]) -> TemplateValue { .list(TemplateList(items)) }
    static func tuple(_ items: [TemplateValue]) -> TemplateValue { .tuple(TemplateList(items)) }
    static func undefined(_ reason: TemplateUndefined.Reason) -> TemplateValue { .undefined(TemplateUndefined(reason)) }

    /// An integer of any size.
    static func integer(_ value: BigInteger) -> TemplateValue { value.int.map { .int($0) } ?? .bigInteger(value) }

    var depth: Int {
        switch self {
        case .list(let list), .tuple(let list): list.depth
        case .dict(let dictionary): dictionary.depth
        case .object(let object): object.depth
        default: 0
        }
    }

    /// The text of a string, marked or not.
    var text: String? {
        switch self {
        case .string(let s), .markup(let s): s
        default: nil
        }
    }

    var isMarkup: Bool { if case .markup = self { true } else { false } }
    var isUndefined: Bool { if case .undefined = self { true } else { false } }
    var isNone: Bool { if case .null = self { true } else { false } }

    /// The items of a tuple, also of those `groupby` makes.
    var tupleItems: [TemplateValue]? {
        switch self {
        case .tuple(let list): list.items
        case .object(let object as TemplateGroup): [object.grouper, object.list]
        default: nil
        }
    }

    /// The integer that Python's `operator.index` gives; nil for one beyond 64 bits too.
    var index: Int? {
        switch self {
        case .int(let i): i
        case .bool(let b): b ? 1 : 0
        default: nil
        }
    }

    /// The same, but the nearest of 64 bits for one beyond them: for bounds and counts.
    var clampedIndex: Int? {
        if case .bigInteger(let i) = self { return i.isNegative ? .min : .max }
        return index
    }

    /// The value of an integer or bool of any size.
    var integer: BigInteger? {
        if case .bigInteger(let i) = self { return i }
        return index.map { BigInteger($0) }
    }

    /// As Python names the type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .null: "NoneType"
        case .bool: "bool"
        case .int, .bigInteger: "int"
        case .float: "float"
        case .string: "str"
        case .markup: "Markup"
        case .list: "list"
        case .tuple: "tuple"
        case .dict: "dict"
        case .object(let object): object.typeName
        }
    }

    /// Python's truth.
    var isTrue: Bool {
        switch self {
        case .undefined, .null: false
        case .bool(let b): b
        case .int(let i): i != 0
        case .bigInteger: true
        case .float(let d): d != 0
        case .string(let s), .markup(let s): !s.isEmpty
        case .list(let list), .tuple(let list): !list.items.isEmpty
        case .dict(let dictionary): dictionary.count > 0
        case .object(let object): object.isTrue
        }
    }
}
