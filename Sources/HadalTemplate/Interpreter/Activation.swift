/// The variables of one running function: the template itself, a macro, a recursive loop's body.
final class Activation {
    /// nil: not assigned.
    var slots: [TemplateValue?]
    let parent: Activation?
    /// Already registered with the rendering as something a macro refers to.
    var isCaptured = false

    init(_ frame: FrameSize?, parent: Activation?) {
        slots = [TemplateValue?](repeating: nil, count: frame?.count ?? 0)
        self.parent = parent
    }

    /// The activation that many functions out.
    func ancestor(_ hops: Int) -> Activation {
        var activation = self
        for _ in 0..<max(0, hops) { activation = activation.parent ?? activation }
        return activation
    }

    func value(_ variable: VariableReference) -> TemplateValue {
        (variable.hops == 0 ? slots[variable.slot] : ancestor(variable.hops).slots[variable.slot]) ?? .undefined(.name(variable.name))
    }
}
