import ArgumentParser
import Hadal
import HadalArchitecture
import HadalCore
import HadalFormats

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show a model's architecture, parameters, tensors and the memory it needs.",
        discussion: "Reads only the header, so it works for models too large to load.")

    @Argument(help: ArgumentHelp("A GGUF file, a Hugging Face directory, or a catalogue name.", valueName: "model"))
    var model: String
    @OptionGroup var search: SearchOptions
    @Option(help: ArgumentHelp("An architecture description that overrides detection.", valueName: "file"))
    var architecture: String?
    @Flag(help: "List every tensor.")
    var tensors = false
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        if architecture == nil {
            let files = try ModelFiles.open(path: try ModelStore.resolve(model))
            if let reason = try search.environment.architectures().unknown(files) { return show(files, nil, unknown: reason) }
        }
        let description = try search.describe(model, architecture: architecture)
        show(description.files, description, unknown: nil)
    }

    /// - Parameter unknown: why there is no description, which is all that is missing then: the tensors are listed all the same.
    private func show(_ files: ModelFiles, _ description: ModelDescription?, unknown: HadalError?) {
        let types = Dictionary(grouping: files.tensors, by: \.dtype).map {
            (dtype: $0.key, count: $0.value.count, bytes: $0.value.reduce(0) { $0 + $1.byteCount })
        }
        .sorted { $0.bytes > $1.bytes }
        let parameters = files.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        if json { return Terminal.json(listing(files, description, unknown, types, parameters)) }
        Terminal.line(files.path)
        if let unknown { Terminal.line("  \(unknown.commandLine)") }
        var facts: [[String]] = []
        if let description {
            let graph = description.graph
            for reason in graph.reasons { Terminal.line("  \(reason)") }
            for warning in graph.warnings { Terminal.line("  warning: \(warning)") }
            facts = [
                ["  layers", "\(graph.layerCount)"], ["  width", "\(graph.width)"], ["  vocabulary", "\(graph.vocabularySize)"],
                ["  context", "\(graph.contextLength) tokens"],
            ]
        }
        facts += [["  parameters", Self.count(parameters)], ["  file", Terminal.bytes(files.totalBytes)]]
        if let description {
            let context = description.usualContextLength
            let memory = description.memory(contextLength: context, cacheDType: .f16)
            facts.append([
                "  memory", "weights \(Terminal.bytes(memory.weights)), cache \(Terminal.bytes(memory.cache)) for \(context) tokens (f16)",
            ])
        }
        Terminal.line(Terminal.table(facts))
        if let graph = description?.graph {
            Terminal.line("\nparameters")
            Terminal.line(Terminal.table(graph.parameters.map { ["  \($0.name)", Self.short($0.value), $0.origin] }))
        }
        Terminal.line("\ntensors")
        Terminal.line(Terminal.table(types.map { ["  \($0.dtype.name)", "\($0.count) tensors", Terminal.bytes($0.bytes)] }))
        // Whoever describes a new family needs the names.
        if tensors || unknown != nil {
            Terminal.line("")
            Terminal.line(
                Terminal.table(files.tensors.map { ["  \($0.name)", $0.dtype.name, "\($0.shape)", Terminal.bytes($0.byteCount)] }))
        }
    }

    private func listing(
        _ files: ModelFiles, _ description: ModelDescription?, _ unknown: HadalError?, _ types: [(dtype: DType, count: Int, bytes: Int)],
        _ parameters: Int
    ) -> JSON {
        var object = JSONObject([("path", JSON(.string(files.path))), ("format", JSON(.string(files.kind.rawValue)))])
        if let description {
            let graph = description.graph
            let context = description.usualContextLength
            let memory = description.memory(contextLength: context, cacheDType: .f16)
            object["architecture"] = JSON(.string(graph.architecture))
            object["variant"] = graph.variant.map { JSON(.string($0)) } ?? .null
            object["reasons"] = JSON(.array(graph.reasons.map { JSON(.string($0)) }))
            object["warnings"] = JSON(.array(graph.warnings.map { JSON(.string($0)) }))
            object["layers"] = JSON(.int(Int64(graph.layerCount)))
            object["width"] = JSON(.int(Int64(graph.width)))
            object["vocabulary"] = JSON(.int(Int64(graph.vocabularySize)))
            object["context_length"] = JSON(.int(Int64(graph.contextLength)))
            object["parameters"] = JSON(
                .object(JSONObject(graph.parameters.map { ($0.name, ["value": $0.value.json, "from": JSON(.string($0.origin))]) })))
            object["memory"] = [
                "weights_bytes": JSON(.int(Int64(memory.weights))), "cache_bytes": JSON(.int(Int64(memory.cache))),
                "cache_bytes_per_token": JSON(.int(Int64(graph.stateBytesPerToken(.f16)))),
                "cache_context": JSON(.int(Int64(context))),
            ]
        } else {
            object["architecture"] = .null
            object["unknown"] = JSON(.string(unknown?.commandLine ?? ""))
        }
        object["parameter_count"] = JSON(.int(Int64(parameters)))
        object["file_bytes"] = JSON(.int(Int64(files.totalBytes)))
        object["dtypes"] = JSON(
            .array(
                types.map {
                    ["dtype": JSON(.string($0.dtype.name)), "tensors": JSON(.int(Int64($0.count))), "bytes": JSON(.int(Int64($0.bytes)))]
                }))
        object["tensors"] = JSON(
            .array(
                files.tensors.map {
                    [
                        "name": JSON(.string($0.name)), "dtype": JSON(.string($0.dtype.name)),
                        "shape": JSON(.array($0.shape.map { JSON(.int(Int64($0))) })), "bytes": JSON(.int(Int64($0.byteCount))),
                    ]
                }))
        return JSON(.object(object))
    }

    private static func short(_ value: ExpressionValue) -> String {
        if let array = value.array, array.count > 8 {
            return "[" + array.prefix(6).map(\.description).joined(separator: ", ") + ", … \(array.count) values]"
        }
        return value.description
    }

    static func count(_ n: Int) -> String {
        switch n {
        case 1_000_000_000...: "\(Terminal.number(Double(n) / 1e9, 2)) billion"
        case 1_000_000...: "\(Terminal.number(Double(n) / 1e6, 1)) million"
        default: "\(n)"
        }
    }
}
