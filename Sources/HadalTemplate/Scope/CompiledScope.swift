/// What a scope does when it is entered: give its variables their first values.
struct CompiledScope: Sendable {
    enum Load: Sendable {
        /// From the render call's variables and the globals.
        case resolve(String)
        /// The variable of the same name outside.
        case alias(VariableLocation)
        /// Not assigned yet.
        case missing
    }

    struct Entry: Sendable {
        var slot: Int
        var load: Load
    }

    var entries: [Entry] = []
    /// Slots of the special variables that the scope uses, where it uses them.
    var loopSlot: Int?
    var callerSlot: Int?
    var kwargsSlot: Int?
    var varargsSlot: Int?
    /// Set where the scope is the outermost one of a function: how many variables the function has.
    var frame: FrameSize?
}

/// The number of variables of a function; grows while its scopes are resolved.
final class FrameSize: @unchecked Sendable {
    private(set) var count = 0
    func allocate() -> Int {
        count += 1
        return count - 1
    }
}

/// Where the resolver leaves a statement's scope. Written only during compilation.
final class ScopeSlot: @unchecked Sendable {
    var compiled = CompiledScope()
}

/// The scopes of a loop. Written only during compilation.
final class LoopScopes: @unchecked Sendable {
    var body = CompiledScope()
    var test = CompiledScope()
    var otherwise = CompiledScope()
}
