package import HadalCore
import HadalFormats
package import HadalGraph

/// How a model that exists as a configuration would lie in a GGUF file: metadata, tensor names and shapes. No data.
package struct GGUFLayout: Sendable {
    package struct Tensor: Sendable {
        package let name: String
        /// Row-major.
        package let shape: [Int]
        /// The weight of the description that it is the first to be part of.
        package let weight: String
        /// The tensor's contents, where the configuration determines them: divisors of rotary frequencies.
        package let values: [Float]?
    }

    /// A weight of the model and how it is made from the tensors above.
    package struct Part: Sendable {
        /// Its name in `model.weights`.
        package let weight: String
        package let recipe: WeightRecipe
    }

    /// What the file calls its family.
    package let architecture: String
    /// Without the tokenizer's; `general.architecture` comes first.
    package let metadata: [(key: String, value: ExpressionValue)]
    /// In the order in which the model uses them.
    package let tensors: [Tensor]
    /// Every weight that the file holds.
    package let parts: [Part]
    /// Graphs of the model that the file has no names for, and so leaves out.
    package let omittedGraphs: [String]
    /// The model as the configuration describes it, with weights under their Hugging Face names.
    package let model: ModelGraph
}

extension ArchitectureMatch {
    /// Lays a configuration out as a GGUF file.
    ///
    /// Which weights exist (biases, an output head of its own) is decided as for a Hugging Face directory with this
    /// configuration; names and stored shapes are those of GGUF.
    ///
    /// - Parameter architecture: what the file will call its family.
    /// - Throws: for a configuration that lacks a key, and for a weight that has no name in GGUF files.
    package func ggufLayout(_ configuration: JSONDocument, architecture: String, catalogue: OpCatalogue) throws -> GGUFLayout {
        try ggufLayout(
            of: build(PlannedModel(configuration: configuration), catalogue: catalogue), configuration, architecture: architecture)
    }

    /// Lays a model out as a GGUF file.
    ///
    /// - Parameters:
    ///   - model: what `build` made of a Hugging Face directory.
    ///   - configuration: its `config.json`.
    package func ggufLayout(of model: ModelGraph, _ configuration: JSONDocument, architecture: String) throws -> GGUFLayout {
        let source = PlannedModel(
            configuration: configuration, format: .gguf, metadata: ["general.architecture": .string(architecture)], dtype: { _, _ in .f32 })
        let context = BuildContext(description, source)
        // The model's own values: a default may be another one in GGUF files.
        context.parameters = Dictionary(model.parameters.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
        var planner = GGUFLayoutPlanner(context: context)
        var omitted: [String] = []
        for graph in model.graphs.values.sorted(by: { $0.name == "main" || ($1.name != "main" && $0.name < $1.name) }) {
            if graph.name != "main", graph.weights.contains(where: { planner.hasNoName($0.name, in: model) }) {
                omitted.append(graph.name)
                continue
            }
            for weight in graph.weights {
                guard let binding = model.weights[weight.name] else { continue }
                switch binding.content {
                case .stored: try planner.add(weight.name)
                case .rope(let table): try planner.add(table)
                }
            }
        }
        return GGUFLayout(
            architecture: architecture, metadata: planner.metadata(model.parameters, architecture), tensors: planner.tensors,
            parts: planner.parts, omittedGraphs: omitted, model: model)
    }
}

private struct GGUFLayoutPlanner {
    let context: BuildContext
    private(set) var tensors: [GGUFLayout.Tensor] = []
    private(set) var parts: [GGUFLayout.Part] = []
    private var seen: Set<ExactString> = []
    private var ropeType: String?

    init(context: BuildContext) { self.context = context }

    private var description: ArchitectureDescription { context.description }

    /// Whether a weight of a graph cannot be in a GGUF file.
    func hasNoName(_ key: String, in model: ModelGraph) -> Bool {
        guard case .stored? = model.weights[key]?.content, let name = key.split(separator: ".").first else { return false }
        return description.weight(String(name))?.gguf == nil
    }

    /// Adds the tensors of a weight by its name in a graph: the weight's own name and the values of its indices.
    mutating func add(_ key: String) throws {
        let parts = key.split(separator: ".").map(String.init)
        guard let name = parts.first, let spec = description.weight(name) else {
            throw HadalError(.notFound, "no weight '\(key)' in \(description.name)", at: description.files.last.map { SourcePlace($0) })
        }
        let indices = spec.names.filter { name in
            description.parameter(name) == nil && description.weight(name) == nil && context.aliases[name] == nil
                && !["format", "arch"].contains(name) && !name.contains(".")
        }.sorted()
        let values = parts.dropFirst().compactMap { Int($0) }
        guard values.count == parts.count - 1, indices.count == values.count else {
            throw HadalError(.unsupported, "the indices of weight '\(key)' are not those of its name in GGUF files", at: spec.place)
        }
        try add(spec, Dictionary(zip(indices, values), uniquingKeysWith: { a, _ in a }), values: nil, key: key)
    }

    private mutating func add(_ spec: WeightSpec, _ indices: [String: Int], values: [Float]?, key: String? = nil) throws {
        // That it exists is settled already.
        var certain = spec
        (certain.when, certain.optional, certain.tied, certain.tiedWhen) = (nil, nil, nil, nil)
        guard certain.gguf != nil else {
            throw HadalError(.unsupported, "weight '\(spec.name)' of \(description.name) has no name in GGUF files", at: spec.place)
        }
        guard let weight = try context.weight(certain, indices, wanted: "the GGUF layout") else { return }
        if let key, !parts.contains(where: { $0.weight == key }) { parts.append(GGUFLayout.Part(weight: key, recipe: weight.recipe)) }
        for tensor in weight.recipe.tensors where seen.insert(ExactString(tensor.name)).inserted {
            tensors.append(GGUFLayout.Tensor(name: tensor.name, shape: tensor.shape, weight: spec.name, values: values))
        }
    }

    /// Adds the divisors that GGUF files of this table's scaling hold.
    mutating func add(_ table: RopeTable) throws {
        guard let spec = description.rope.first(where: { $0.name == table.name }) else { return }
        func holder(_ key: String) -> WeightSpec? { spec.fields[key]?.bareName.flatMap { description.weight($0) } }
        switch table.scaling {
        case .plain: break
        case .linear: ropeType = "linear"
        case .yarn: ropeType = "yarn"
        case .ntkByParts, .given:
            guard let weight = holder("factors_weight") else {
                throw HadalError(.unsupported, "\(description.name) has no tensor for this rotary scaling in GGUF files", at: spec.place)
            }
            let scaled = try table.inverseFrequencies { _ in [] }
            let plain = try RopeTable(name: table.name, dim: table.dim, theta: table.theta, scaling: .plain, scale: 1, switchLength: 0)
                .inverseFrequencies { _ in [] }
            // A pair that does not turn is divided by much.
            try add(weight, [:], values: zip(plain, scaled).map { $1 == 0 ? 1e30 : $0 / $1 })
        case .divided(let short, let long):
            for (key, divisors) in [("short_factors_weight", short), ("long_factors_weight", long)] {
                guard case .numbers(let numbers)? = divisors else { continue }
                guard let weight = holder(key) else {
                    throw HadalError(
                        .unsupported, "\(description.name) has no tensor for these rotary divisors in GGUF files", at: spec.place)
                }
                try add(weight, [:], values: numbers.map { Float($0) })
            }
        }
    }

    /// Metadata under the description's keys.
    ///
    /// GGUF files say the type and factor of a rotary scaling only where the frequencies follow from them; else they hold
    /// divisors, and a factor beside those would be applied a second time.
    func metadata(_ parameters: [ResolvedParameter], _ architecture: String) -> [(key: String, value: ExpressionValue)] {
        var entries: [(key: String, value: ExpressionValue)] = [("general.architecture", .string(architecture))]
        for (key, value) in description.ggufEntries(parameters, architecture) {
            if key.hasSuffix(".rope.scaling.type") {
                guard let ropeType else { continue }
                entries.append((key, .string(ropeType)))
            } else if !key.hasSuffix(".rope.scaling.factor") || ropeType != nil {
                entries.append((key, value))
            }
        }
        return entries
    }
}

extension ArchitectureDescription {
    /// Metadata that says what a model's parameters are, in the description's order; a parameter without a key is not said.
    fileprivate func ggufEntries(_ parameters: [ResolvedParameter], _ architecture: String) -> [(key: String, value: ExpressionValue)] {
        let values = Dictionary(parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
        return self.parameters.compactMap { spec in
            guard let key = spec.gguf.first, let value = values[spec.written ?? spec.name], !value.isNull else { return nil }
            return (BuildContext.replaceArch(key, architecture), value)
        }
    }
}

extension ArchitectureLibrary {
    /// What GGUF files of a family call it: the name it matches, else that of the description it extends.
    package func ggufArchitecture(of description: ArchitectureDescription) throws -> String? {
        var at = description
        for _ in 0..<Limits.extendsDepth {
            for condition in at.matches.flatMap(\.conditions) where condition.key == "general.architecture" {
                if let name = condition.values.first?.string { return name }
            }
            guard let file = at.files.last, let parent = try JSONDocument(contentsOf: file).root["extends"]?.string else { return nil }
            at = try self.description(named: parent)
        }
        return nil
    }
}
