/// A statement of a template. Every body that is a scope of its own carries that scope.
indirect enum TemplateStatement: Sendable {
    enum Part: Sendable {
        case text(String)
        case expression(TemplateExpression)
    }

    struct Branch: Sendable {
        var test: TemplateExpression
        var body: [TemplateStatement]
    }

    final class Loop: Sendable {
        let target: TemplateExpression
        /// The same target once more, for the scope in which `test` is evaluated.
        let testTarget: TemplateExpression
        let iterable: TemplateExpression
        let test: TemplateExpression?
        let isRecursive: Bool
        let body: [TemplateStatement]
        let otherwise: [TemplateStatement]
        let scopes = LoopScopes()

        init(
            target: TemplateExpression, testTarget: TemplateExpression, iterable: TemplateExpression, test: TemplateExpression?,
            isRecursive: Bool, body: [TemplateStatement], otherwise: [TemplateStatement]
        ) {
            self.target = target
            self.testTarget = testTarget
            self.iterable = iterable
            self.test = test
            self.isRecursive = isRecursive
            self.body = body
            self.otherwise = otherwise
        }
    }

    /// What `macro`, `call` and `generation` have in common: a body that is a function.
    final class Function: Sendable {
        struct Parameter: Sendable {
            var variable: VariableReference
            var defaultValue: TemplateExpression?
        }
        /// nil for `call` and `generation` blocks.
        let name: String?
        let parameters: [Parameter]
        let body: [TemplateStatement]
        let scope = ScopeSlot()

        init(name: String?, parameters: [Parameter], body: [TemplateStatement]) {
            self.name = name
            self.parameters = parameters
            self.body = body
        }
    }

    /// A body with a scope, nothing more.
    final class Scoped: Sendable {
        let body: [TemplateStatement]
        let scope = ScopeSlot()
        init(_ body: [TemplateStatement]) { self.body = body }
    }

    case output([Part])
    case set(target: TemplateExpression, value: TemplateExpression, line: Int)
    case setBlock(target: TemplateExpression, filter: TemplateExpression?, body: Scoped, line: Int)
    case conditional([Branch], otherwise: [TemplateStatement], line: Int)
    case loop(Loop, line: Int)
    case with(targets: [TemplateExpression], values: [TemplateExpression], body: Scoped, line: Int)
    case filterBlock(filter: TemplateExpression, body: Scoped, line: Int)
    case macro(Function, variable: VariableReference, line: Int)
    case callBlock(Function, call: TemplateExpression, line: Int)
    case generation(Function, line: Int)
    case block(Scoped, name: String, line: Int)
    case breakLoop(line: Int)
    case continueLoop(line: Int)
}
