/// Values passed to a call.
struct CallArguments {
    var positional: [TemplateValue] = []
    var keyword: [(name: String, value: TemplateValue)] = []

    /// Matches the values to parameter names, as Python does for a function with that signature.
    ///
    /// - Parameter required: How many of the first names must be given.
    func bound(to names: [String], required: Int = 0, of function: String) throws -> BoundArguments {
        guard positional.count <= names.count else {
            throw TemplateError.type("\(function)() takes at most \(names.count) arguments (\(positional.count) given)")
        }
        var values: [TemplateValue?] = positional
        values += [TemplateValue?](repeating: nil, count: names.count - positional.count)
        for (name, value) in keyword {
            guard let at = names.firstIndex(of: name) else {
                throw TemplateError.type("\(function)() got an unexpected keyword argument '\(name)'")
            }
            guard values[at] == nil else { throw TemplateError.type("\(function)() got multiple values for argument '\(name)'") }
            values[at] = value
        }
        for at in 0..<required where values[at] == nil {
            throw TemplateError.type("\(function)() missing required argument: '\(names[at])'")
        }
        return BoundArguments(function: function, names: names, values: values)
    }
}

/// Arguments by position in a signature.
struct BoundArguments {
    let function: String
    let names: [String]
    let values: [TemplateValue?]

    subscript(at: Int) -> TemplateValue? { values[at] }

    func isTrue(_ at: Int, default fallback: Bool = false) -> Bool { values[at]?.isTrue ?? fallback }

    func int(_ at: Int) throws -> Int? {
        guard let value = values[at] else { return nil }
        if let i = value.index { return i }
        if case .undefined(let why) = value { throw why.error }
        if case .bigInteger = value { throw TemplateError.runtime("\(function)(): an integer is too large") }
        throw TemplateError.type("\(function)(): '\(value.typeName)' object cannot be interpreted as an integer")
    }

    func text(_ at: Int) throws -> String? {
        guard let value = values[at] else { return nil }
        if let text = value.text { return text }
        throw TemplateError.type("\(function)() argument '\(names[at])' must be str, not \(value.typeName)")
    }

    /// nil for None too.
    func given(_ at: Int) -> TemplateValue? {
        guard let value = values[at], !value.isNone else { return nil }
        return value
    }
}

/// A function built in, or bound to a value.
final class TemplateFunction: TemplateObject {
    typealias Body = (CallArguments, TemplateRun) throws -> TemplateValue
    let name: String
    private let levels: Int
    private let body: Body
    init(_ name: String, depth: Int = 1, _ body: @escaping Body) {
        self.name = name
        levels = depth
        self.body = body
    }
    override var typeName: String { "function" }
    override var text: String { "<function \(name)>" }
    override var depth: Int { levels }
    override var isCallable: Bool { true }
    override func call(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue? { try body(arguments, run) }
}
