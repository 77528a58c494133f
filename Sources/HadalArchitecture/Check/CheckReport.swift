import HadalCore

/// What a check of a description without a model found.
public struct CheckReport: Sendable {
    public let name: String
    /// Faults, each with a place, one for each cause. Empty: nothing keeps the description from being used but what a model may lack.
    public let problems: [HadalError]
    /// Things that are legal but look unintended. None beside faults, which they would follow from.
    public let notes: [String]
    /// Those of the notes that matter to whoever loads a model with it: conditions that never hold.
    public let warnings: [String]
    public let parameterCount: Int
    public let weightCount: Int
    /// Empty: the description is there to be extended.
    public let graphNames: [String]
}
