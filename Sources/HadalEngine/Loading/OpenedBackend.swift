package import HadalBackend
package import HadalCore

/// A backend that a model is placed on, as it was opened.
package struct OpenedBackend: Sendable {
    package var backend: any Backend
    /// Which of its devices.
    package var device: Int
    package var options: [String: OptionValue]
    /// Its place among the plan's devices.
    package var number: Int
}
