/// What whoever receives the events or tokens of a generation wants next.
public enum Reaction: Sendable {
    case `continue`
    /// End the generation; what came until then is kept.
    case stop
}
