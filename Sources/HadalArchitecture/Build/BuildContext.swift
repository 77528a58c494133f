import HadalCore
import HadalFormats
import HadalGraph

/// One description applied to one model: parameters and weights, each resolved when first asked for.
///
/// Not thread-safe: made, used and dropped within one call.
final class BuildContext {
    let description: ArchitectureDescription
    let source: any ModelSource
    let aliases: [String: [String]]
    let arch: String?
    /// What the model says of quantised weights.
    let quantization: WeightQuantization?
    var parameters: [String: ResolvedParameter] = [:]
    /// Names being resolved, outermost first.
    var resolving: [String] = []
    var weights: [String: ResolvedWeight?] = [:]
    var usedTensors: Set<ExactString> = []
    /// What says that rotary frequencies follow the length of the sequence beyond the context length.
    var dynamicRope: String?
    /// The alias values that last led to a tensor, to be tried first and named in messages.
    var aliasChoice: [String: String] = [:]
    /// Paths into config.json, and metadata keys, that the description has asked for.
    var readPaths: Set<String> = []
    var readKeys: Set<String> = []
    /// Tensors that a planned model has been asked for.
    var inventedTensors: [String: TensorInfo] = [:]

    init(_ description: ArchitectureDescription, _ source: any ModelSource) {
        self.description = description
        self.source = source
        aliases = Dictionary(description.aliases.map { ($0.name, $0.values) }, uniquingKeysWith: { a, _ in a })
        quantization = source.quantization
        arch = source.format == .gguf ? source.metadataValue("general.architecture")?.string : nil
    }

    func scope(_ indices: [String: Int] = [:]) -> Scope { Scope(context: self, indices: indices) }

    /// What the names in this model's formulas stand for.
    struct Scope: NameScope {
        let context: BuildContext
        var indices: [String: Int]

        func value(of name: String) throws -> ExpressionValue? {
            if let index = indices[name] { return .int(index) }
            if let spec = context.description.parameter(name) { return try context.parameter(spec).value }
            if let spec = context.description.weight(name) {
                return try context.isPresent(spec, indices) ? .bool(true) : .null
            }
            if name == "format" { return .string(context.source.format.rawValue) }
            if name == "arch" { return context.arch.map { .string($0) } ?? .null }
            if name.hasPrefix("config.") {
                context.readPaths.insert(String(name.dropFirst(7)))
                return context.config(String(name.dropFirst(7))).flatMap { ExpressionValue($0) } ?? .null
            }
            if name.hasPrefix("gguf.") {
                context.readKeys.insert(String(name.dropFirst(5)))
                return context.source.metadataValue(String(name.dropFirst(5))) ?? .null
            }
            throw HadalError(.notFound, "unknown name '\(name)'", hint: Suggestion.hint(for: name, among: context.names(indices)))
        }
    }

    func names(_ indices: [String: Int]) -> [String] {
        description.parameters.map(\.name) + description.weights.map(\.name) + indices.keys + ["format"]
    }

    /// A path with the name that its object has in this model.
    func configPath(_ path: String) -> String {
        guard let (name, rest) = ConfigLookup.object(of: path),
            let paths = description.configObjects.first(where: { $0.name == name })?.paths
        else {
            return path
        }
        // An empty object says nothing.
        let chosen = paths.first { path in config(path).map { $0.object.map { !$0.members.isEmpty } ?? true } ?? false }
        return (chosen ?? paths[paths.count - 1]) + rest
    }

    /// A value of config.json by dotted path, looked for under each of the description's roots; null counts as absent.
    func config(_ path: String) -> JSON? {
        let root = source.configuration?.root
        for prefix in description.configRoots {
            if let value = ConfigLookup.value("\(prefix).\(path)", in: root) { return value }
        }
        return ConfigLookup.value(path, in: root)
    }

    /// What in config.json keeps a path from being looked up: a list or a scalar where an object should be.
    func configObstacle(_ path: String) -> (path: String, value: JSON)? {
        let root = source.configuration?.root
        for prefix in description.configRoots {
            if let found = ConfigLookup.obstacle("\(prefix).\(path)", in: root) { return found }
        }
        return ConfigLookup.obstacle(path, in: root)
    }

    /// Whether the first of the description's roots that has a path gives it as null.
    func configSaysNull(_ path: String) -> Bool {
        guard config(path) == nil else { return false }
        let root = source.configuration?.root
        return (description.configRoots.map { "\($0).\(path)" } + [path]).contains { ConfigLookup.isNull($0, in: root) }
    }
}
