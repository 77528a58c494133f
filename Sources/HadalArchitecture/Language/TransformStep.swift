import HadalCore

/// One thing done to a stored tensor before it is used.
enum TransformStep: Sendable {
    case rows(Formula, Formula)
    case columns(Formula, Formula)
    case every(step: Formula, from: Formula, axis: Int)
    /// One of equal parts of an axis.
    case chunk(of: Formula, index: Formula, axis: Int)
    case transpose([Int])
    case reshape([Formula])
    case rotary(heads: Formula, dim: Formula, offset: Formula, toHalf: Bool)
    case add(Formula)
    case scale(Formula)
    case exponential
    case float

    var formulas: [Formula] {
        switch self {
        case .rows(let a, let b), .columns(let a, let b): [a, b]
        case .every(let step, let from, _): [step, from]
        case .chunk(let count, let index, _): [count, index]
        case .transpose, .exponential, .float: []
        case .reshape(let dims): dims
        case .rotary(let heads, let dim, let offset, _): [heads, dim, offset]
        case .add(let a), .scale(let a): [a]
        }
    }

    /// Whether a tensor has the same shape after it.
    var keepsShape: Bool {
        switch self {
        case .rotary, .add, .scale, .exponential, .float: true
        case .rows, .columns, .every, .chunk, .transpose, .reshape: false
        }
    }

    static let names = ["rows", "columns", "every", "chunk", "transpose", "reshape", "rotary", "add", "scale", "exp", "float"]

    init(_ json: JSON, in document: JSONDocument, what: String) throws {
        var fields = try JSONFields(json, in: document, what: "transform of \(what)")
        func formula(_ json: JSON) throws -> Formula { try Formula(json, in: document) }
        func pair(_ json: JSON) throws -> (Formula, Formula) {
            guard let items = json.array, items.count == 2 else { throw fields.fail("a range is [from, to]", at: json) }
            return (try formula(items[0]), try formula(items[1]))
        }
        func constant(_ value: JSON, _ number: Int64) throws -> Formula {
            try Formula(JSON(.int(number), offset: value.offset), in: document)
        }
        guard fields.object.count == 1, let name = fields.object.keys.first, let value = fields.optional(name) else {
            throw fields.fail("a step is an object with one key", code: .malformed)
        }
        switch name {
        case "rows":
            let (from, to) = try pair(value)
            self = .rows(from, to)
        case "columns":
            let (from, to) = try pair(value)
            self = .columns(from, to)
        case "every":
            var inner = try JSONFields(value, in: document, what: "'every' of \(what)")
            let step = try formula(inner.required("step"))
            let from = try inner.optional("from").map(formula) ?? constant(value, 0)
            let axis = try inner.optionalInt("axis") ?? 0
            try inner.finish()
            guard (0..<4).contains(axis) else { throw inner.fail("'axis' is 0 to 3") }
            self = .every(step: step, from: from, axis: axis)
        case "chunk":
            var inner = try JSONFields(value, in: document, what: "'chunk' of \(what)")
            let count = try formula(inner.required("of"))
            let index = try formula(inner.required("index"))
            let axis = try inner.optionalInt("axis") ?? 0
            try inner.finish()
            guard (0..<4).contains(axis) else { throw inner.fail("'axis' is 0 to 3") }
            self = .chunk(of: count, index: index, axis: axis)
        case "transpose":
            let axes = (value.array ?? []).compactMap(\.int)
            guard axes.count == value.array?.count, (2...4).contains(axes.count), axes.sorted() == Array(0..<axes.count) else {
                throw fields.fail("'transpose' is a permutation of the axes, such as [1, 0]", at: value)
            }
            self = .transpose(axes)
        case "reshape":
            guard let dims = value.array, (1...4).contains(dims.count) else {
                throw fields.fail("'reshape' is a list of 1 to 4 extents", at: value)
            }
            self = .reshape(try dims.map(formula))
        case "rotary":
            var inner = try JSONFields(value, in: document, what: "'rotary' of \(what)")
            let heads = try formula(inner.required("heads"))
            let dim = try formula(inner.required("dim"))
            let offset = try inner.optional("offset").map(formula) ?? constant(value, 0)
            let to = try inner.string("to")
            try inner.finish()
            guard to == "half" || to == "adjacent" else { throw inner.fail("'to' must be half or adjacent", at: value["to"]) }
            self = .rotary(heads: heads, dim: dim, offset: offset, toHalf: to == "half")
        case "add": self = .add(try formula(value))
        case "scale": self = .scale(try formula(value))
        case "exp", "float":
            guard value.bool == true else { throw fields.fail("'\(name)' is true", at: value) }
            self = name == "exp" ? .exponential : .float
        default:
            let keyPlace = document.place(at: fields.object.members.first?.keyOffset ?? json.offset)
            throw HadalError(
                .malformed, "\(what): unknown transform '\(name)'", at: keyPlace,
                hint: Suggestion.hint(for: name, among: Self.names))
        }
    }
}
