import HadalSandbox

/// A report of a seal as text.
enum SealListing {
    private static func isolation(_ outcome: WriteRestriction.Outcome) -> String {
        switch outcome {
        case .enforced(let version, 0): "out of reach (Landlock \(version))"
        case .enforced(let version, let threads): "out of reach (Landlock \(version)), but not for \(threads) threads that ran before"
        case .unavailable(let why): "as the system has it for this user: \(why)"
        }
    }

    static func text(_ report: SealReport) -> String {
        let rows = report.checks.map { ["  \($0.name)", $0.isRefused ? "refused" : "NOT REFUSED", $0.result] }
        return "\(report.line)\n\(Terminal.table(rows))\n  memory of other processes: \(isolation(report.isolation))"
    }
}
