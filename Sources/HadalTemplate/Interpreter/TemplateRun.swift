import HadalCore

/// One rendering of a template: its output, its variables and what it has used up of its limits.
///
/// Belongs to one thread.
final class TemplateRun {
    let limits: TemplateLimits
    let now: TemplateClock
    /// The caller's variables and Jinja's globals.
    private let variables: [String: TemplateValue]
    private var steps: Int
    private var depth = 0
    private let stack = StackGuard()
    /// The text of the block being rendered.
    var output = ""
    /// Line of the statement or expression at work, for errors.
    var line = 1
    /// The template's own variables, which `block` bodies see by name.
    let root: Activation
    private let exports: [String: Int]
    /// Whether a body is running that resolves names through `exports`.
    var isInBlock = false
    private var captured: [Activation] = []
    private var namespaces: [TemplateNamespace] = []

    init(scope: CompiledScope, exports: [String: Int], variables: [String: TemplateValue], limits: TemplateLimits, now: TemplateClock) {
        self.limits = limits
        self.now = now
        self.variables = variables
        self.exports = exports
        steps = limits.steps
        root = Activation(scope.frame, parent: nil)
    }

    func render(_ body: [TemplateStatement], scope: CompiledScope) throws -> String {
        defer { breakCycles() }
        enter(scope, root)
        _ = try execute(body, root)
        return output
    }

    /// Macros refer to the activations that hold them, namespaces perhaps to themselves.
    private func breakCycles() {
        root.slots.removeAll()
        for activation in captured { activation.slots.removeAll() }
        for namespace in namespaces { namespace.clear() }
    }

    func capture(_ activation: Activation) {
        var next: Activation? = activation
        while let a = next, !a.isCaptured {
            a.isCaptured = true
            captured.append(a)
            next = a.parent
        }
    }

    func makeNamespace(_ attributes: TemplateDictionary) -> TemplateNamespace {
        let namespace = TemplateNamespace(attributes)
        namespaces.append(namespace)
        return namespace
    }

    // MARK: Limits

    @inline(__always)
    func charge(_ count: Int) throws {
        let (left, overflow) = steps.subtractingReportingOverflow(count)
        if overflow || left < 0 { throw exceeded("took more than \(limits.steps) steps") }
        steps = left
    }

    /// Accounts for a text about to be made.
    func charge(bytes: Int) throws {
        try check(bytes: bytes)
        try charge(bytes >> 4)
    }

    func check(bytes: Int) throws {
        if bytes > limits.outputBytes { throw exceeded("made a text of more than \(limits.outputBytes) bytes") }
    }

    func exceeded(_ what: String) -> HadalError { HadalError(.limitExceeded, "the chat template \(what)") }

    /// One more level of calls or of printed containers.
    func nested<T>(_ body: () throws -> T) throws -> T {
        depth += 1
        defer { depth -= 1 }
        if depth > limits.depth { throw exceeded("nests calls or values more than \(limits.depth) deep") }
        try stack.check()
        return try body()
    }

    func checkStack() throws { try stack.check() }

    // MARK: Variables

    func resolve(_ name: String) -> TemplateValue? {
        if isInBlock, let slot = exports[name], slot < root.slots.count, let value = root.slots[slot] { return value }
        return variables[name] ?? TemplateGlobals.table[name].map { make in make() }
    }

    func enter(_ scope: CompiledScope, _ activation: Activation) {
        for entry in scope.entries {
            switch entry.load {
            case .resolve(let name): activation.slots[entry.slot] = resolve(name)
            case .alias(let location): activation.slots[entry.slot] = activation.ancestor(location.hops).slots[location.slot]
            case .missing: activation.slots[entry.slot] = nil
            }
        }
    }

    // MARK: Output

    func write(_ text: String) throws {
        output += text
        try charge(text.utf8.count >> 4)
        if output.utf8.count > limits.outputBytes { throw exceeded("wrote more than \(limits.outputBytes) bytes") }
    }

    /// Runs something and gives what it wrote.
    func capturing<T>(_ body: () throws -> T) throws -> (text: String, result: T) {
        var saved = ""
        swap(&saved, &output)
        defer { swap(&saved, &output) }
        let result = try body()
        return (output, result)
    }
}
