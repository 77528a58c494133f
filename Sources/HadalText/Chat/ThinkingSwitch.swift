package import HadalCore

/// A variable by which a chat template is asked to let the model reason, or not to.
package struct ThinkingSwitch: Sendable, Equatable {
    package var variable: String
    /// What asks for reasoning; nil: the variable is left out.
    package var on: JSON?
    package var off: JSON
}

/// Whether a model is to reason before it answers.
public enum ThinkingMode: String, Sendable, CaseIterable {
    /// It reasons if its template can ask it to; otherwise it does what it does.
    case automatic = "auto"
    case on
    case off
}
