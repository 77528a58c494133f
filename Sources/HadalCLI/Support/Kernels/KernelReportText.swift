import Hadal
import HadalConformance
import HadalGraph

/// What the kit found, as text with a command that replays each failure.
struct KernelReportText {
    let report: ConformanceReport
    /// The command line that runs one case again.
    let replay: (ConformanceReport.Failure) -> String

    var text: String {
        var lines: [String] = []
        for op in report.ops {
            switch op.status {
            case .pass: lines.append("  pass  \(op.name): \(Self.count(op.cases, "case"))\(skipped(op))")
            case .unsupported: lines.append("  none  \(op.name): \(op.unsupported.first?.reason ?? "no cases")")
            case .fail:
                lines.append("  FAIL  \(op.name): \(op.failedCases) of \(Self.count(op.cases, "case")) failed\(skipped(op))")
                // A source that does not compile fails every case alike.
                var errors: Set<String> = []
                for failure in op.failures where failure.kind != .error || errors.insert(failure.message).inserted {
                    lines += self.lines(failure).map { "          \($0)" }
                }
            }
        }
        return lines.joined(separator: "\n")
    }

    private func skipped(_ op: ConformanceReport.Op) -> String {
        guard let first = op.unsupported.first else { return "" }
        return
            ", \(op.unsupported.reduce(0) { $0 + $1.cases }) not run: \(first.reason)\(op.unsupported.count > 1 ? " and \(op.unsupported.count - 1) more reasons" : "")"
    }

    func lines(_ failure: ConformanceReport.Failure) -> [String] {
        var lines = [
            "case \(failure.id)\(failure.summary.isEmpty ? "" : " (\(failure.summary))"): \(Self.name(failure.kind))",
            "  \(failure.operands)",
        ]
        var message = failure.message
        if let wrong = failure.wrong { message = "\(wrong.count) of \(Self.count(wrong.of, "element")) \(message)" }
        lines += message.split(separator: "\n").map { "  \($0)" }
        if !failure.settings.isEmpty { lines.append("  with threads one after the other: \(failure.settings.joined(separator: ", "))") }
        if let expected = failure.expected, let got = failure.got {
            lines.append("  worst element \(failure.index) of \(failure.operand)\(failure.shape): expected \(expected), got \(got)")
        } else if !failure.index.isEmpty {
            lines.append("  element \(failure.index) of \(failure.operand)\(failure.shape)")
        }
        lines.append("  replay: \(replay(failure))")
        return lines
    }

    static func name(_ kind: ConformanceReport.Failure.Kind) -> String {
        switch kind {
        case .mismatch: "a wrong result"
        case .overwritten: "written out of bounds"
        case .state: "a wrong cache"
        case .unrepeatable: "not repeatable"
        case .outside: "reads outside"
        case .empty: "an empty step fails"
        case .trace: "a wrong trace"
        case .error: "an error"
        }
    }

    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
