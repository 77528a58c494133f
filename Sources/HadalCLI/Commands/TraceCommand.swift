import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalGraph
import HadalKernelTools

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Trace the time of every op, or find the first op where two backends differ.",
        discussion: """
            Writes Chrome trace JSON (opens in Perfetto) with one slice per op, for the prompt and for -n decode steps.
            With --compare A,B both backends run the prompt and the first op whose result differs by more than the tolerance \
            is named; the exit status is 1 if there is one. It is saved with its operands from A's run, so that hadal kernels test \
            --replay FILE runs it alone.
            """)

    @OptionGroup var model: ModelOptions
    @Option(name: .shortAndLong, help: ArgumentHelp("The prompt.", valueName: "text"))
    var prompt: String?
    @Option(help: ArgumentHelp("Token ids instead of a prompt: 1,2,3 or @FILE.", valueName: "ids"))
    var tokens: TokenList?
    @Option(
        name: .short, help: ArgumentHelp("Number of decode steps after the prompt.", valueName: "n"), reading: NumberOption.integer(0...))
    var n = 4
    @Option(name: .shortAndLong, help: ArgumentHelp("Trace file to write.", valueName: "file"))
    var output = "trace.json"
    @Option(help: ArgumentHelp("Two backends to compare.", valueName: "a,b"))
    var compare: String?
    @Option(
        help:
            "Maximum relative RMS difference, sqrt(mean (a-b)^2) / sqrt(mean b^2); default 0.001 for float weights, 0.1 for quantised ones.",
        transform: NumberOption.number(atLeast: 0))
    var tolerance: Double?
    @Option(
        help: ArgumentHelp(
            "With --compare: file to save the first differing op to; default: its name, in the current directory.", valueName: "file"))
    var save: String?
    @Flag(name: .customLong("no-save"), help: "With --compare: do not save the op.")
    var noSave = false
    @Option(
        name: .customLong("save-limit"), help: ArgumentHelp("Maximum bytes of operands to save.", valueName: "bytes"),
        reading: NumberOption.bytes(atLeast: 0))
    var saveLimit = ByteCount(bytes: 1 << 30)
    @Flag(help: "Print JSON (with --compare).")
    var json = false

    func validate() throws {
        guard prompt != nil || tokens != nil else { throw ValidationError("Give -p PROMPT or --tokens IDS.") }
        if compare != nil, model.place != nil || model.planFile != nil {
            throw ValidationError("--compare runs all ops on each of two backends; it cannot be combined with --place and --plan.")
        }
        if let compare, compare.split(separator: ",").count != 2 {
            throw ValidationError("--compare requires two backends: cpu,reference.")
        }
    }

    private func ids(_ engine: Engine) throws -> [Int32] { try tokens?.ids ?? engine.encodePrompt(prompt ?? "") }

    func run() throws {
        if let compare {
            let names = compare.split(separator: ",").map(String.init)
            return try runComparison(names[0], names[1])
        }
        try OutputFile.check(output)
        let engine = try Engine(path: try ModelStore.resolve(model.model), options: try model.engineOptions(exact: true))
        let session = engine.makeSession()
        let prompt = try ids(engine)
        let events = try engine.tracing {
            try session.append(prompt)
            for _ in 0..<n {
                let logits = session.logits
                let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0
                try session.append([Int32(best)])
            }
        }
        let nodes = engine.model.graph.nodes
        guard let start = events.map(\.start).min() else {
            throw HadalError(.unsupported, "the backend does not report its ops")
        }
        var slices: [JSON] = []
        for event in events where nodes.indices.contains(event.node) {
            let node = nodes[event.node]
            slices.append([
                "name": JSON(.string(node.op)), "cat": "op", "ph": "X", "pid": 1, "tid": 1,
                "ts": JSON(.double(Double(event.start - start) / 1e3)), "dur": JSON(.double(Double(event.duration) / 1e3)),
                "args": ["label": JSON(.string(node.label)), "bytes": JSON(.int(Int64(event.bytes)))],
            ])
        }
        let trace: JSON = ["traceEvents": JSON(.array(slices)), "displayTimeUnit": "ns"]
        // Not atomically: a rename would put a file in the place of a device or pipe.
        do { try trace.text().write(toFile: output, atomically: false, encoding: .utf8) } catch {
            throw HadalError(.io, "cannot write the trace", at: SourcePlace(output))
        }
        let times = OpTimes(events, of: engine)
        Terminal.line(
            Terminal.table(
                times.rows.map {
                    [
                        $0.op, "\(Terminal.number(Double($0.nanoseconds) / 1e6, 3)) ms", "\($0.count) runs",
                        "\(Terminal.number(100 * times.share($0), 1)) %",
                    ]
                }))
        Terminal.note("\(slices.count) slices in \(output)")
    }

    private func runComparison(_ first: String, _ second: String) throws {
        var options = try model.engineOptions(observe: .everything, exact: true)
        options.settings = options.settings.filter { $0.key.hasPrefix("\(first).") }
        options.backend = first
        let path = try ModelStore.resolve(model.model)
        let a = try Engine(path: path, options: options)
        let prompt = try ids(a)
        let results = try a.evaluate(prompt)
        options.settings = try model.engineOptions().settings.filter { $0.key.hasPrefix("\(second).") }
        options.backend = second
        let b = try Engine(path: path, options: options)
        let others = try b.evaluate(prompt)
        let comparison = TraceComparison(
            names: (first, second), a: results, b: others, order: a.model.graph.nodes.map { ($0.label, $0.op, $0.outputs.count) },
            tolerance: tolerance ?? (a.model.hasQuantisedWeights ? 0.1 : 0.001))
        let saved = comparison.first.map { difference in noSave ? nil : Saved(difference, comparison, of: a, prompt, self) } ?? nil
        if json {
            guard var object = comparison.json().object else { return }
            if let saved { object["saved"] = saved.json }
            Terminal.json(JSON(.object(object)))
        } else {
            Terminal.line(comparison.text())
            if let saved { Terminal.line(saved.text) }
        }
        if comparison.first != nil { throw Failure() }
    }

    /// The first op that differs, in a file, and how far the two backends lie apart on it alone.
    private struct Saved {
        var path: String
        var bytes = 0
        var relative: Double?
        /// A command for each side that may be at fault: the reference is not.
        var replays: [String] = []
        var problem: String?

        init(
            _ difference: TraceComparison.Row, _ comparison: TraceComparison, of engine: Engine, _ prompt: [Int32], _ command: TraceCommand
        ) {
            let label = difference.label.map { $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" || $0 == "-" ? $0 : "_" }
            path = command.save ?? "\(String(label)).safetensors"
            do {
                try OutputFile.check(path)
                let width = difference.elements / max(prompt.count, 1)
                let position = min(difference.worst.index / max(width, 1), prompt.count - 1)
                let node = try engine.saveNode(difference.node, tokens: prompt, position: position, limit: command.saveLimit.bytes)
                try node.write(to: path)
                bytes = node.bytes
                let directories = command.model.search.kernelPaths.flatMap { ["--kernels", $0] }
                replays = [comparison.names.0, comparison.names.1].filter { $0 != "reference" }.map {
                    KernelOptions.shell(["hadal", "kernels", "test", "--replay", path, "--backend", $0] + directories)
                }
                let settings = try command.model.engineOptions().settings
                let sides = try [comparison.names.0, comparison.names.1].map {
                    try KernelWorkbench($0, environment: command.model.search.environment, settings: settings)
                }
                relative = try NodeComparison(node, sides[0], sides[1]).relative
            } catch { problem = (error as? HadalError)?.commandLine ?? "\(error)" }
        }

        var text: String {
            var lines: [String] = []
            if bytes > 0 { lines.append("saved with its inputs in \(path) (\(Terminal.bytes(bytes)))") }
            if let relative { lines.append("alone, on the same inputs: relative error \(relative)") }
            lines += replays.map { "replay: \($0)" }
            if let problem { lines.append("\(bytes > 0 ? "not run alone" : "not saved"): \(problem)") }
            return lines.joined(separator: "\n")
        }

        var json: JSON {
            [
                "file": bytes > 0 ? JSON(.string(path)) : .null, "bytes": JSON(.int(Int64(bytes))),
                "replay": JSON(.string(replays.first ?? "")),
                "relative_error_alone": relative.map { $0.isFinite ? JSON(.double($0)) : .null } ?? .null,
                "problem": problem.map { JSON(.string($0)) } ?? .null,
            ]
        }
    }
}
