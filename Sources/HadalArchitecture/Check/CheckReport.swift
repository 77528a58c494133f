import HadalCore

/// What a check of a description without a model found.
public struct CheckReport: Sendable {
    public let name: String
    /// Faults, each with a place. Empty: the description can be used.
    public let problems: [HadalError]
    /// Things that are legal but look unintended.
    public let notes: [String]
    public let parameterCount: Int
    public let weightCount: Int
    public let graphNames: [String]
}
