package import HadalCore

extension History {
    /// What the page shows of the history. A value.
    package struct Status: Sendable, Equatable {
        package var state: State
        package var hasPassphrase: Bool
        /// Whether everything that writes throws.
        package var isReadOnly: Bool
        /// For a person: what is wrong though the history is open, such as a damaged file that was kept aside.
        package var report: String?

        /// For a person: all that is wrong; nil: nothing.
        package var problem: String? {
            if case .unavailable(let error) = state { return error.description }
            let readOnly = isReadOnly ? "The history can only be read: its directory cannot be written." : nil
            let problems = [report, readOnly].compactMap(\.self)
            return problems.isEmpty ? nil : problems.joined(separator: " ")
        }

        /// As the page has it.
        package var json: JSON {
            let isAvailable = if case .unavailable = state { false } else { true }
            return [
                "available": JSON(.bool(isAvailable)), "locked": JSON(.bool(state == .locked)), "passphrase": JSON(.bool(hasPassphrase)),
                "problem": problem.map { JSON(.string($0)) } ?? .null,
            ]
        }
    }
}
