/// Steps through the items of a value, on demand, as Python's iterators do.
struct TemplateIterator {
    private let step: () throws -> TemplateValue?
    init(_ step: @escaping () throws -> TemplateValue?) { self.step = step }

    init(_ items: [TemplateValue]) {
        var at = 0
        self.init {
            guard at < items.count else { return nil }
            defer { at += 1 }
            return items[at]
        }
    }

    mutating func next() throws -> TemplateValue? { try step() }
}

extension TemplateValue {
    var isIterable: Bool {
        switch self {
        case .undefined, .string, .markup, .list, .tuple, .dict: true
        case .object(let object): object.isIterable
        case .null, .bool, .int, .bigInteger, .float: false
        }
    }

    func iterate(_ run: TemplateRun) throws -> TemplateIterator {
        switch self {
        case .list(let list), .tuple(let list): return TemplateIterator(list.items)
        case .dict(let dictionary): return TemplateIterator(dictionary.keys)
        case .undefined: return TemplateIterator { nil }
        case .string(let s), .markup(let s):
            var scalars = s.unicodeScalars.makeIterator()
            let marked = isMarkup
            return TemplateIterator {
                guard let scalar = scalars.next() else { return nil }
                return marked ? .markup(String(scalar)) : .string(String(scalar))
            }
        case .object(let object):
            if let iterator = try object.makeIterator(run) { return iterator }
        default: break
        }
        throw TemplateError.type("'\(typeName)' object is not iterable")
    }

    /// All items.
    func items(_ run: TemplateRun) throws -> [TemplateValue] {
        switch self {
        case .list(let list), .tuple(let list):
            try run.charge(list.items.count)
            return list.items
        case .dict(let dictionary):
            try run.charge(dictionary.count)
            return dictionary.keys
        default:
            var iterator = try iterate(run)
            var items: [TemplateValue] = []
            while let item = try iterator.next() {
                try run.charge(1)
                items.append(item)
            }
            return items
        }
    }

    /// Python's `len`.
    func length() throws -> Int {
        switch self {
        case .string(let s), .markup(let s): return PythonText.length(s)
        case .list(let list), .tuple(let list): return list.items.count
        case .dict(let dictionary): return dictionary.count
        case .undefined: return 0
        case .object(let object):
            if let count = try object.count() { return count }
        default: break
        }
        throw TemplateError.type("object of type '\(typeName)' has no len()")
    }
}
