import ArgumentParser
import Hadal
import HadalCore
import HadalQuantization

struct QuantizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quantize", abstract: "Convert a model to GGUF with other element types.",
        discussion: """
            IN is a GGUF file (of a split one, any shard) or a Hugging Face directory, which is converted.
            Matrices get --type; norms, biases and routers stay F32, and the output head gets a more precise type unless --pure.
            A rule is GROUP=TYPE or NAME=TYPE, several separated by commas; the last one that matches a tensor decides.
            Groups: \(QuantizationRule.roles.map(\.rawValue).joined(separator: ", ")).
            Names: * matches anything, 0-3 a range of numbers (blk.0-3.*); TYPE may be keep.
            Types: \(QuantizationRule.types.map(\.name).joined(separator: " ")).
            """)

    @Argument(help: ArgumentHelp("A GGUF file, a Hugging Face directory, or a catalogue name.", valueName: "in"))
    var input: String
    @Argument(help: ArgumentHelp("GGUF file to write.", valueName: "out"))
    var output: String
    @OptionGroup var search: SearchOptions
    @Option(help: ArgumentHelp("Element type of the matrices.", valueName: "dtype"))
    var type: String
    @Option(
        name: .customLong("rule"),
        help: ArgumentHelp("Use another type for some tensors; may be given several times.", valueName: "what=dtype"))
    var rules: [String] = []
    @Flag(help: "Use --type for the output head as well.")
    var pure = false
    @Flag(name: .customLong("no-tokenizer"), help: "Do not include the tokenizer of a Hugging Face directory.")
    var noTokenizer = false
    @Option(help: ArgumentHelp("An architecture description that overrides detection.", valueName: "file"))
    var architecture: String?
    @Option(
        name: .shortAndLong, help: ArgumentHelp("Number of encoding threads; default, or -1: one per processor.", valueName: "n"),
        transform: NumberOption.integer(1...1024, orMinusOne: "automatic"))
    var threads: NumberOption.OptionalInteger?
    @Flag(name: .customLong("dry-run"), help: "Show what would be written without writing.")
    var dryRun = false
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        do { _ = try options() } catch let error as HadalError { throw ValidationError(error.commandLine) }
    }

    private func options() throws -> QuantizationOptions {
        var options = QuantizationOptions(type: try QuantizationRule.type(type))
        options.rules = try rules.flatMap { try QuantizationRule.list($0) }
        options.isPure = pure
        options.omitsTokenizer = noTokenizer
        options.architecture = architecture
        return options
    }

    func run() throws {
        let plan = try QuantizationPlan(path: ModelStore.resolve(input), options: options(), paths: search.environment)
        for note in plan.notes { Terminal.note(note) }
        if dryRun { return show(plan.forecast, plan) }
        try OutputFile.check(output)
        let progress = Progress("quantize")
        Interrupt.onInterrupt {}
        Interrupt.includeTermination()
        defer { progress.finish() }
        let report = try plan.write(to: output, threads: threads?.value) { done, total in
            if Interrupt.wasInterrupted { throw HadalError(.cancelled, "interrupted; nothing was written") }
            progress.update(Double(done) / Double(max(total, 1)), detail: "\(Terminal.bytes(done)) of \(Terminal.bytes(total))")
        }
        progress.finish()
        show(report, plan)
    }

    private func show(_ report: QuantizationReport, _ plan: QuantizationPlan) {
        if json { return Terminal.json(summary(report, plan)) }
        if dryRun {
            Terminal.line(
                Terminal.table(
                    plan.tensors.map { tensor in
                        let roles = tensor.roles.map(\.rawValue).sorted().joined(separator: " ")
                        return [
                            tensor.name, "\(tensor.shape)", "\(tensor.storedType?.name ?? "calculated") -> \(tensor.dtype.name)", roles,
                        ]
                    }) + "\n")
        }
        var rows = [["type", "tensors", "parameters", "size"] + (dryRun ? [] : ["worst relative error"])]
        for kind in report.kinds.sorted(by: { $0.bytes > $1.bytes }) {
            var row = [kind.dtype.name, "\(kind.tensors)", InspectCommand.count(kind.elements), Terminal.bytes(kind.bytes)]
            if !dryRun { row.append(kind.worstTensor.map { "\(Terminal.number(kind.worstError, 5)) in \($0)" } ?? "none") }
            rows.append(row)
        }
        Terminal.line(Terminal.table(rows))
        let verb = dryRun ? "would take" : "takes"
        Terminal.line(
            "\(output) \(verb) \(Terminal.bytes(report.bytes)) for \(InspectCommand.count(report.elements)) parameters, "
                + "\(Terminal.number(report.bitsPerWeight, 2)) bits each")
    }

    private func summary(_ report: QuantizationReport, _ plan: QuantizationPlan) -> JSON {
        var members = report.json.object?.members.map { ($0.key, $0.value) } ?? []
        members.insert(("output", JSON(.string(output))), at: 0)
        members.append(("written", JSON(.bool(!dryRun))))
        members.append(("notes", JSON(.array(plan.notes.map { JSON(.string($0)) }))))
        if dryRun {
            members.append(
                (
                    "plan",
                    JSON(
                        .array(
                            plan.tensors.map { tensor in
                                [
                                    "name": JSON(.string(tensor.name)), "shape": JSON(.array(tensor.shape.map { JSON(.int(Int64($0))) })),
                                    "from": tensor.storedType.map { JSON(.string($0.name)) } ?? .null,
                                    "type": JSON(.string(tensor.dtype.name)),
                                    "groups": JSON(.array(tensor.roles.map(\.rawValue).sorted().map { JSON(.string($0)) })),
                                ]
                            }))
                ))
        }
        return JSON(.object(JSONObject(members)))
    }
}
