package import HadalCore

/// What a sealed process got when it tried what it must not be able to do.
package struct SealReport: Sendable, Equatable {
    /// One attempt, or one fact that the kernel was asked for.
    package struct Check: Sendable, Equatable {
        /// What was tried: `socket of AF_INET`.
        package var name: String
        /// What came of it, for a person: the system's words for the error number, or `it worked`.
        package var result: String
        /// Whether it was refused, and by the filter.
        package var isRefused: Bool

        package init(name: String, result: String, isRefused: Bool) {
            self.name = name
            self.result = result
            self.isRefused = isRefused
        }

        package var json: JSON {
            ["name": JSON(.string(name)), "result": JSON(.string(result)), "refused": JSON(.bool(isRefused))]
        }
    }

    /// In the order in which they were tried.
    package var checks: [Check]
    /// Threads of the process when the filter was set, all of which have it.
    package var threads: Int
    /// Descriptors that were left open on purpose.
    package var listeners: Int
    /// Whether the memory of other processes is out of reach: Landlock's, and so of the threads that it binds. Not every kernel has it, and a
    /// seal is complete without.
    package var isolation: WriteRestriction.Outcome

    /// Whether everything was refused.
    package var isComplete: Bool { !checks.isEmpty && checks.allSatisfy(\.isRefused) }

    package var json: JSON {
        [
            "sealed": JSON(.bool(isComplete)), "threads": JSON(.int(Int64(threads))), "listeners": JSON(.int(Int64(listeners))),
            "other_processes": isolation.json, "checks": JSON(.array(checks.map(\.json))),
        ]
    }

    /// One line for a log.
    package var line: String {
        let refused = checks.count(where: \.isRefused)
        return "the network is forbidden to every thread (\(threads)): \(refused) of \(checks.count) attempts were refused"
    }

    /// Ends what must not go on without a seal.
    ///
    /// - Throws: `unsupported` naming what was not refused.
    package func requireComplete() throws {
        guard !isComplete else { return }
        let open = checks.filter { !$0.isRefused }.map { "\($0.name) (\($0.result))" }.joined(separator: ", ")
        throw HadalError(.unsupported, "the network is not forbidden: \(open)")
    }
}
