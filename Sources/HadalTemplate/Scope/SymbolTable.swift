/// The variables of one scope while it is being analysed.
///
/// Jinja decides at compile time which scope a name belongs to: a name that a scope assigns anywhere is the scope's own
/// from its start, and starts out as the outer variable of that name, or as nothing.
final class SymbolTable {
    enum Load {
        case parameter
        case resolve
        case alias(SymbolTable)
        case missing
    }

    /// The part that `if` branches copy and merge again.
    struct State {
        var loads: [String: Load] = [:]
        /// Names in the order of their first appearance.
        var order: [String] = []
        var stores: Set<String> = []

        mutating func define(_ name: String, _ load: Load) {
            if loads[name] == nil { order.append(name) }
            loads[name] = load
        }
    }

    let parent: SymbolTable?
    let frame: FrameSize
    /// Number of functions around this scope.
    let level: Int
    var state = State()
    private var slots: [String: Int] = [:]

    init(parent: SymbolTable?, newFunction: Bool) {
        self.parent = parent
        if let parent, !newFunction {
            frame = parent.frame
            level = parent.level
        } else {
            frame = FrameSize()
            level = (parent?.level ?? -1) + 1
        }
    }

    /// A sibling of `other`, in the same function.
    init(besides other: SymbolTable) {
        parent = other.parent
        frame = other.frame
        level = other.level
    }

    func slot(_ name: String) -> Int {
        if let slot = slots[name] { return slot }
        let slot = frame.allocate()
        slots[name] = slot
        return slot
    }

    /// The innermost scope that has the name.
    func owner(of name: String) -> SymbolTable? {
        var table: SymbolTable? = self
        while let t = table {
            if t.state.loads[name] != nil { return t }
            table = t.parent
        }
        return nil
    }

    func store(_ name: String) {
        state.stores.insert(name)
        guard state.loads[name] == nil else { return }
        if let outer = parent?.owner(of: name) {
            state.define(name, .alias(outer))
        } else {
            state.define(name, .missing)
        }
    }

    func load(_ name: String) {
        if owner(of: name) == nil { state.define(name, .resolve) }
    }

    func declareParameter(_ name: String) {
        state.stores.insert(name)
        state.define(name, .parameter)
    }

    /// Joins the branches of an `if`. A name only branches assign may keep its outer value, so it starts with that.
    func merge(_ branches: [State]) {
        var added: Set<String> = []
        for branch in branches { added.formUnion(branch.stores) }
        added.subtract(state.stores)
        for branch in branches {
            for name in branch.order { if let load = branch.loads[name] { state.define(name, load) } }
            state.stores.formUnion(branch.stores)
        }
        for name in added {
            if let outer = parent?.owner(of: name) {
                state.define(name, .alias(outer))
            } else {
                state.define(name, .resolve)
            }
        }
    }

    func location(of name: String, from user: SymbolTable) -> VariableLocation {
        VariableLocation(hops: user.level - level, slot: slot(name))
    }

    func compiled() -> CompiledScope {
        var scope = CompiledScope()
        for name in state.order {
            guard let load = state.loads[name] else { continue }
            switch load {
            case .parameter: break
            case .resolve: scope.entries.append(.init(slot: slot(name), load: .resolve(name)))
            case .alias(let outer): scope.entries.append(.init(slot: slot(name), load: .alias(outer.location(of: name, from: self))))
            case .missing: scope.entries.append(.init(slot: slot(name), load: .missing))
            }
        }
        return scope
    }
}
