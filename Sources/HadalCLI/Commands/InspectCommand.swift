import ArgumentParser
import Hadal

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show a model's architecture, parameters, tensors and the memory it needs.",
        discussion: "Reads the header only: works on a model too large to load.")

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
        let description = try search.describe(model, architecture: architecture)
        let (graph, files) = (description.graph, description.files)
        let types = Dictionary(grouping: files.tensors, by: \.dtype).map { (dtype: $0.key, count: $0.value.count, bytes: $0.value.reduce(0) { $0 + $1.byteCount }) }
            .sorted { $0.bytes > $1.bytes }
        let parameters = files.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let context = min(graph.contextLength, 32768)
        let memory = description.memory(contextLength: context, cacheDType: .f32)
        if json {
            Terminal.json([
                "path": JSON(.string(files.path)), "format": JSON(.string(files.kind.rawValue)),
                "architecture": JSON(.string(graph.architecture)), "variant": graph.variant.map { JSON(.string($0)) } ?? .null,
                "reasons": JSON(.array(graph.reasons.map { JSON(.string($0)) })),
                "warnings": JSON(.array(graph.warnings.map { JSON(.string($0)) })),
                "layers": JSON(.int(Int64(graph.layerCount))), "width": JSON(.int(Int64(graph.width))),
                "vocabulary": JSON(.int(Int64(graph.vocabularySize))), "context_length": JSON(.int(Int64(graph.contextLength))),
                "parameter_count": JSON(.int(Int64(parameters))), "file_bytes": JSON(.int(Int64(files.totalBytes))),
                "parameters": JSON(.object(JSONObject(graph.parameters.map { ($0.name, ["value": $0.value.json, "from": JSON(.string($0.origin))]) }))),
                "dtypes": JSON(.array(types.map { ["dtype": JSON(.string($0.dtype.name)), "tensors": JSON(.int(Int64($0.count))), "bytes": JSON(.int(Int64($0.bytes)))] })),
                "memory": [
                    "weights_bytes": JSON(.int(Int64(memory.weights))), "cache_bytes": JSON(.int(Int64(memory.cache))),
                    "cache_bytes_per_token": JSON(.int(Int64(graph.stateBytesPerToken(elementBytes: 4)))),
                    "cache_context": JSON(.int(Int64(context))),
                ],
                "tensors": JSON(.array(files.tensors.map {
                    ["name": JSON(.string($0.name)), "dtype": JSON(.string($0.dtype.name)),
                     "shape": JSON(.array($0.shape.map { JSON(.int(Int64($0))) })), "bytes": JSON(.int(Int64($0.byteCount)))]
                })),
            ])
            return
        }
        Terminal.line(files.path)
        for reason in graph.reasons { Terminal.line("  \(reason)") }
        for warning in graph.warnings { Terminal.line("  warning: \(warning)") }
        Terminal.line(Terminal.table([
            ["  layers", "\(graph.layerCount)"], ["  width", "\(graph.width)"], ["  vocabulary", "\(graph.vocabularySize)"],
            ["  context", "\(graph.contextLength) tokens"], ["  parameters", Self.count(parameters)],
            ["  file", Terminal.bytes(files.totalBytes)],
            ["  memory", "weights \(Terminal.bytes(memory.weights)), cache \(Terminal.bytes(memory.cache)) for \(context) tokens (f32)"],
        ]))
        Terminal.line("\nparameters")
        Terminal.line(Terminal.table(graph.parameters.map { ["  \($0.name)", Self.short($0.value), $0.origin] }))
        Terminal.line("\ntensors")
        Terminal.line(Terminal.table(types.map { ["  \($0.dtype.name)", "\($0.count) tensors", Terminal.bytes($0.bytes)] }))
        if tensors {
            Terminal.line("")
            Terminal.line(Terminal.table(files.tensors.map { ["  \($0.name)", $0.dtype.name, "\($0.shape)", Terminal.bytes($0.byteCount)] }))
        }
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
