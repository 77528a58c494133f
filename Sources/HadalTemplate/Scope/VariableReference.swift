/// A place where a template names a variable; the resolver fills in where the variable lives.
///
/// Written only while the template is compiled, by one thread, before anything else can see it.
final class VariableReference: @unchecked Sendable {
    let name: String
    /// Function boundaries between this place and the variable's function.
    fileprivate(set) var hops = 0
    /// Index in that function's activation.
    fileprivate(set) var slot = 0

    init(_ name: String) { self.name = name }

    func bind(_ location: VariableLocation) {
        hops = location.hops
        slot = location.slot
    }
}

/// A variable as seen from some function.
struct VariableLocation: Sendable, Equatable {
    var hops: Int
    var slot: Int
}
