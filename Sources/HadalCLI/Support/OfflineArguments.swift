import ArgumentParser
import Hadal
import HadalSandbox

/// Whether the process gives up the network.
struct OfflineArguments: ParsableArguments {
    @Flag(
        name: .customLong("offline"),
        help: """
            Have the kernel refuse every new network connection of this process and of the programs that it starts, and keep its memory out of \
            core files. Ends with an error where that cannot be enforced. hadal doctor --offline shows what is refused.
            """)
    var isOn = false

    /// Gives up the network for good, before anything of others is opened: plugins, kernels, drivers, models.
    ///
    /// - Parameter listeners: sockets that go on accepting connections.
    /// - Returns: what was refused; nil without the flag.
    /// - Throws: where a part of it is not enforced.
    @discardableResult
    func enforce(keeping listeners: [Int32] = [], log: LogSink) throws -> SealReport? {
        guard isOn else { return nil }
        let report = try Self.report(keeping: listeners)
        try report.requireComplete()
        log.write(.info, report.line)
        return report
    }

    /// The same, whatever was refused.
    static func report(keeping listeners: [Int32] = []) throws -> SealReport {
        // First: one of the attempts may end in a crash, of a child.
        try MemoryDumps.forbid()
        return try NetworkSeal.apply(keeping: listeners)
    }
}
