import Foundation
import Hadal
import HadalConformance
import HadalCore

/// What became of one save: does not compile, wrong, or correct and so fast.
struct KernelTiming {
    enum Outcome {
        /// No kernel came about: the compiler's message, or why it cannot be loaded.
        case refused(String)
        case wrong(String)
        case correct
    }

    struct Timing {
        var shape: String
        var microseconds: Double
        var bytesPerSecond: Double
        var operationsPerSecond: Double?
        var share: Double?
        var isTraced: Bool
    }

    var outcome: Outcome
    var cases = 0
    var timing: Timing?
    /// Why a correct kernel was not timed.
    var untimed: String?
    var seconds = 0.0

    /// Runs the hidden command `hadal kernels verdict` and reads what it says.
    ///
    /// - Parameter timeout: seconds after which the process is ended.
    static func find(_ arguments: [String], ceilings: KernelCeilings?, timeout: Double) throws -> KernelTiming {
        let start = ContinuousClock.now
        guard let executable = Bundle.main.executablePath else { throw HadalError(.notFound, "this program's own file is unknown") }
        let child = try ChildProcess.run(executable, ["kernels", "verdict"] + arguments, seconds: timeout)
        var verdict = Self.read(child, ceilings: ceilings, timeout: timeout)
        verdict.seconds = (ContinuousClock.now - start).seconds
        return verdict
    }

    private static func read(_ child: ChildProcess, ceilings: KernelCeilings?, timeout: Double) -> KernelTiming {
        guard child.end != .timedOut else {
            return KernelTiming(outcome: .wrong("no result after \(timeout) s: does the kernel end?"))
        }
        guard let json = try? JSONDocument(parsing: child.text, file: "verdict").root, json.object != nil else {
            let text = String(decoding: child.errors, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            return KernelTiming(outcome: .wrong(text.isEmpty ? "the process ended without a result (\(child.end))" : text))
        }
        if let error = json["error"]?.string { return KernelTiming(outcome: .refused(error)) }
        var verdict = KernelTiming(outcome: json["failure"]?.string.map { .wrong($0) } ?? .correct, cases: json["cases"]?.int ?? 0)
        verdict.untimed = json["untimed"]?.string
        if let timed = json["measurement"], let microseconds = timed["microseconds"]?.double, let bytes = timed["bytes"]?.double,
            microseconds > 0
        {
            let operations = timed["operations"]?.double
            var timing = Timing(
                shape: timed["shape"]?.string ?? "", microseconds: microseconds, bytesPerSecond: bytes / microseconds * 1e6,
                operationsPerSecond: operations.map { $0 / microseconds * 1e6 }, share: nil,
                isTraced: timed["timed_by"]?.string == "backend")
            if let ceilings {
                var least = bytes / ceilings.bytesPerSecond
                if let operations, let peak = timed["quantised"]?.bool == true ? ceilings.int8Operations : ceilings.floatOperations {
                    least = max(least, operations / peak)
                }
                timing.share = least / (microseconds * 1e-6)
            }
            verdict.timing = timing
        }
        return verdict
    }

    var passed: Bool { if case .correct = outcome { true } else { false } }

    /// One line for a correct kernel, the fault for another.
    ///
    /// - Parameter last: the time of the last save that was timed, in microseconds.
    func text(against last: Double?) -> String {
        switch outcome {
        case .refused(let message): return "does not load   (\(Terminal.number(seconds, 2)) s)\n\(message)"
        case .wrong(let message): return "loads, WRONG   (\(Terminal.number(seconds, 2)) s)\n\(message)"
        case .correct:
            var parts = ["loads, correct (\(KernelReportText.count(cases, "case")))"]
            if let timing {
                parts.append(KernelRates.microseconds(timing.microseconds))
                parts += KernelRates.rates(
                    bytesPerSecond: timing.bytesPerSecond, operationsPerSecond: timing.operationsPerSecond, share: timing.share)
                if let last { parts.append(Self.change(from: last, to: timing.microseconds)) }
                parts.append(timing.shape)
            } else if let untimed {
                parts.append("not timed: \(untimed)")
            }
            parts.append("(\(Terminal.number(seconds, 2)) s)")
            return parts.joined(separator: "   ")
        }
    }

    static func change(from last: Double, to now: Double) -> String {
        let percent = 100 * (now / last - 1)
        return "\(percent >= 0 ? "+" : "")\(Terminal.number(percent, 1)) % time against the last save"
    }

    func json(against last: Double?) -> JSON {
        func number(_ value: Double?) -> JSON { value.map { JSON(.double($0)) } ?? .null }
        var fields: [(String, JSON)] = [
            ("correct", JSON(.bool(passed))), ("cases", JSON(.int(Int64(cases)))), ("seconds", number(seconds)),
        ]
        switch outcome {
        case .refused(let message): fields.append(("error", JSON(.string(message))))
        case .wrong(let message): fields.append(("failure", JSON(.string(message))))
        case .correct: break
        }
        if let timing {
            fields += [
                ("shape", JSON(.string(timing.shape))), ("microseconds", number(timing.microseconds)),
                ("bytes_per_second", number(timing.bytesPerSecond)),
                ("operations_per_second", number(timing.operationsPerSecond)), ("roofline_share", number(timing.share)),
                ("change", number(last.map { timing.microseconds / $0 - 1 })),
            ]
        }
        return JSON(.object(JSONObject(fields)))
    }
}
