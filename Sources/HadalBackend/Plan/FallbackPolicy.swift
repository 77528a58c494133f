/// What happens when the chosen device cannot run an op that another one can.
public enum FallbackPolicy: String, Sendable, CaseIterable {
    /// Refuse the model, naming every op that would move and why.
    case error
    /// Move the op and say so.
    case warn
    /// Move the op; the plan still lists it.
    case allow
}
