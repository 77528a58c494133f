package import HadalCore

/// What a check of a description without a model found.
package struct CheckReport: Sendable {
    package let name: String
    /// Faults, each with a place, one for each cause. Empty: nothing keeps the description from being used but what a model may lack.
    package let problems: [HadalError]
    /// Things that are legal but look unintended. None beside faults, which they would follow from.
    package let notes: [String]
    /// Those of the notes that matter to whoever loads a model with it: conditions that never hold.
    package let warnings: [String]
    package let parameterCount: Int
    package let weightCount: Int
    /// Empty: the description is there to be extended.
    package let graphNames: [String]
}
