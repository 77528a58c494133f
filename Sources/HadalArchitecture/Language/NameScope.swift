import HadalCore

/// What the names in a formula stand for.
protocol NameScope {
    /// The value of a name; nil when it is unknown.
    func value(of name: String) throws -> ExpressionValue?
}
