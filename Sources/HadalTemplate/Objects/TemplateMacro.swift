/// A macro, or the body of a `call` block.
final class TemplateMacro: TemplateObject {
    private let function: TemplateStatement.Function
    /// Where it was defined; it sees those variables as they are when it is called.
    private let definition: Activation

    init(_ function: TemplateStatement.Function, _ definition: Activation) {
        self.function = function
        self.definition = definition
    }

    override var typeName: String { "Macro" }
    override var text: String { "<Macro \(function.name.map { PythonText.quoted($0) } ?? "anonymous")>" }
    override var isCallable: Bool { true }
    private var label: String { function.name.map { "'\($0)'" } ?? "None" }

    override func attribute(_ name: String) -> TemplateValue? {
        let scope = function.scope.compiled
        switch name {
        case "name": return function.name.map { .string($0) } ?? .null
        case "arguments": return .tuple(function.parameters.map { .string($0.variable.name) })
        case "catch_kwargs": return .bool(scope.kwargsSlot != nil)
        case "catch_varargs": return .bool(scope.varargsSlot != nil)
        case "caller": return .bool(scope.callerSlot != nil)
        default: return nil
        }
    }

    override func call(_ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue? { .string(try invoke(arguments, run)) }

    func invoke(_ arguments: CallArguments, _ run: TemplateRun) throws -> String {
        let scope = function.scope.compiled
        let parameters = function.parameters
        let activation = Activation(scope.frame, parent: definition)
        run.enter(scope, activation)
        var keyword = arguments.keyword
        func take(_ name: String) -> TemplateValue? { keyword.firstIndex { $0.name == name }.map { keyword.remove(at: $0).value } }
        for (at, parameter) in parameters.enumerated() {
            let value = at < arguments.positional.count ? arguments.positional[at] : take(parameter.variable.name)
            activation.slots[parameter.variable.slot] = value
        }
        if let slot = scope.callerSlot {
            let caller = take("caller")
            activation.slots[slot] = caller.flatMap { $0.isNone ? nil : $0 } ?? .undefined(.hint("No caller defined"))
        }
        if let slot = scope.kwargsSlot {
            let rest = TemplateDictionary()
            for (name, value) in keyword { rest.set(name, value) }
            activation.slots[slot] = .dict(rest)
        } else if let unknown = keyword.first {
            throw TemplateError.type("macro \(label) takes no keyword argument '\(unknown.name)'")
        }
        if let slot = scope.varargsSlot {
            activation.slots[slot] = .tuple(Array(arguments.positional.dropFirst(parameters.count)))
        } else if arguments.positional.count > parameters.count {
            throw TemplateError.type("macro \(label) takes not more than \(parameters.count) argument(s)")
        }
        return try run.nested {
            for parameter in parameters where activation.slots[parameter.variable.slot] == nil {
                activation.slots[parameter.variable.slot] =
                    try parameter.defaultValue.map { try run.evaluate($0, activation) }
                    ?? .undefined(.hint("parameter '\(parameter.variable.name)' was not provided"))
            }
            return try run.capturing { try run.execute(function.body, activation) }.text
        }
    }
}
