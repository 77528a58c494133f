import HadalCore

/// A dictionary that keeps the order of its keys. Immutable once it is handed out.
final class TemplateDictionary {
    private(set) var keys: [TemplateValue] = []
    private(set) var values: [TemplateValue] = []
    private(set) var depth = 1
    /// Built when the dictionary outgrows a linear search.
    private var index: [TemplateKey: Int] = [:]
    private static let linear = 8

    init() {}

    /// - Throws: For a key that is not hashable.
    convenience init(_ pairs: [(TemplateValue, TemplateValue)]) throws {
        self.init()
        for (key, value) in pairs { try set(key, value) }
    }

    var count: Int { keys.count }

    /// Only while the dictionary is being built.
    func set(_ key: TemplateValue, _ value: TemplateValue) throws {
        let hashed = try TemplateKey(key)
        depth = max(depth, key.depth + 1, value.depth + 1)
        if let at = position(of: key, hashed) {
            values[at] = value
            return
        }
        keys.append(key)
        values.append(value)
        if keys.count == TemplateDictionary.linear + 1 {
            for (i, key) in keys.enumerated() { index[try TemplateKey(key)] = i }
        } else if keys.count > TemplateDictionary.linear {
            index[hashed] = keys.count - 1
        }
    }

    func set(_ key: String, _ value: TemplateValue) {
        depth = max(depth, value.depth + 1)
        if let at = position(of: key) {
            values[at] = value
            return
        }
        keys.append(.string(key))
        values.append(value)
        if keys.count == TemplateDictionary.linear + 1 {
            for (i, key) in keys.enumerated() { if let hashed = try? TemplateKey(key) { index[hashed] = i } }
        } else if keys.count > TemplateDictionary.linear {
            index[.string(ExactString(key))] = keys.count - 1
        }
    }

    func get(_ key: String) -> TemplateValue? { position(of: key).map { values[$0] } }

    /// - Throws: For a key that is not hashable.
    func get(_ key: TemplateValue) throws -> TemplateValue? {
        if let text = key.text { return get(text) }
        return position(of: key, try TemplateKey(key)).map { values[$0] }
    }

    private func position(of key: String) -> Int? {
        if keys.count > TemplateDictionary.linear { return index[.string(ExactString(key))] }
        return keys.firstIndex { if let text = $0.text { PythonText.equal(text, key) } else { false } }
    }

    private func position(of key: TemplateValue, _ hashed: TemplateKey) -> Int? {
        if keys.count > TemplateDictionary.linear { return index[hashed] }
        return keys.firstIndex { (try? TemplateKey($0)) == hashed }
    }

    func removeAll() {
        keys = []
        values = []
        index = [:]
    }
}

/// A hashable value as a dictionary key: equal where Python's `==` says so.
enum TemplateKey: Hashable {
    case undefined
    case none
    case int(Int)
    case bigInteger(BigInteger)
    case float(Double)
    case string(ExactString)
    case tuple([TemplateKey])
    case object(ObjectIdentifier)

    init(_ value: TemplateValue) throws {
        switch value {
        case .undefined: self = .undefined
        case .null: self = .none
        case .bool(let b): self = .int(b ? 1 : 0)
        case .int(let i): self = .int(i)
        case .bigInteger(let i): self = .bigInteger(i)
        case .float(let d):
            guard let whole = BigInteger(exactly: d) else { self = .float(d); return }
            self = whole.int.map { .int($0) } ?? .bigInteger(whole)
        case .string(let s), .markup(let s): self = .string(ExactString(s))
        case .tuple(let list): self = .tuple(try list.items.map { try TemplateKey($0) })
        case .object(let object as TemplateGroup): self = .tuple([try TemplateKey(object.grouper), try TemplateKey(object.list)])
        case .object(let object): self = .object(ObjectIdentifier(object))
        case .list, .dict: throw TemplateError.type("unhashable type: '\(value.typeName)'")
        }
    }
}
