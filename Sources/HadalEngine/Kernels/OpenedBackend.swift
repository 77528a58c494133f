import HadalBackend
import HadalCore

/// A backend that a model is placed on, as it was opened.
struct OpenedBackend: Sendable {
    var backend: any Backend
    /// Which of its devices.
    var device: Int
    var options: [String: OptionValue]
    /// Its place among the plan's devices.
    var number: Int
}
