import HadalBackend
import HadalCore

/// How much of the host's memory a model may take, and who says so.
struct MemoryBudget: Sendable {
    enum Source: String, Sendable {
        /// `EngineOptions.memory`
        case named
        case machine
        case controlGroup = "control group"
    }

    let bytes: Int
    let source: Source

    /// What is asked for, or what the machine or the control group has free, less a tenth for what cannot be known in advance. nil: nothing
    /// is known that limits it.
    init?(_ asked: Int?, _ limits: MemoryLimits) {
        if let asked {
            (bytes, source) = (asked, .named)
            return
        }
        let isGroup = limits.group ?? .max < limits.machine ?? .max
        guard let free = isGroup ? limits.group : limits.machine else { return nil }
        (bytes, source) = (free - free / 10, isGroup ? .controlGroup : .machine)
    }

    var text: String {
        switch source {
        case .named: "the memory budget"
        case .machine: "nine tenths of the machine's free memory"
        case .controlGroup: "nine tenths of the memory that the control group allows"
        }
    }
}
