/// What became of a kernel that was edited while a model runs.
public struct KernelNotice: Sendable, CustomStringConvertible {
    public enum Outcome: Sendable, Equatable {
        /// In use from the next token on; the check ran so many cases in so many seconds.
        case taken(cases: Int, seconds: Double)
        /// The kernel before it stays in use.
        case refused(reason: String)
    }

    public var op: String
    public var backend: String
    /// The folder that was edited.
    public var folder: String
    public var outcome: Outcome

    public var description: String {
        switch outcome {
        case .taken(let cases, let seconds):
            let hundredths = Int((seconds * 100).rounded())
            return
                "\(folder): the \(backend) kernel of '\(op)' is in use from here on (\(cases) cases checked, \(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s)"
        case .refused(let reason): return "\(folder): the \(backend) kernel of '\(op)' stays as it was: \(reason)"
        }
    }
}
