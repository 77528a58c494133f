import HadalCore
import HadalFormats
package import HadalGraph

/// A description chosen for a model, and why.
package struct ArchitectureMatch: Sendable {
    package let description: ArchitectureDescription
    package let variant: String?
    /// Sentences: "matched NAME because config.model_type is "NAME"", and why a variant was chosen.
    package let reasons: [String]
    /// Descriptions that were passed over because they cannot be read.
    package let warnings: [String]
    /// The description with all its variants.
    private let whole: ArchitectureDescription
    /// Why no variant could be chosen.
    private let failure: HadalError?

    /// Chooses the variant, if the description has any. That it could not be chosen is told by `build`, after faults of the
    /// description itself.
    init(_ description: ArchitectureDescription, _ source: any ModelSource, reasons: [String], warnings: [String] = []) {
        whole = description
        self.warnings = warnings
        var chosen: (description: ArchitectureDescription, name: String?, reasons: [String]) = (description, nil, [])
        var failure: HadalError?
        do {
            if let variant = try description.variant(for: source) {
                chosen = (try variant.patch.map { try description.patched(with: $0) } ?? description, variant.name, [variant.sentence])
            }
        } catch let error as HadalError { failure = error } catch {}
        self.description = chosen.description
        variant = chosen.name
        self.reasons = reasons + chosen.reasons
        self.failure = failure
    }

    /// Applies the description to a model.
    ///
    /// What `hadal arch check` says comes first: a description that it refuses is refused here, with the same words. Then parameters,
    /// then the tensor directory; tensor data are not read.
    /// - Throws: `HadalError` that names the key, tensor or node at fault.
    package func build(_ source: any ModelSource, catalogue: OpCatalogue) throws -> ModelGraph {
        let report = whole.check(catalogue: catalogue)
        if let problem = report.problems.first { throw problem }
        if let failure { throw failure }
        do { return try build(source, catalogue, warnings: warnings + report.warnings) } catch let error as HadalError {
            throw Blame(description.document)?.uncertain(error) ?? error
        }
    }

    private func build(_ source: any ModelSource, _ catalogue: OpCatalogue, warnings: [String]) throws -> ModelGraph {
        guard let facts = description.facts, description.graphs.contains(where: { $0.name == "main" }) else {
            throw HadalError(
                .unsupported, "description '\(description.name)' has no 'graph' and 'model': it is there to be extended",
                at: description.files.last.map { SourcePlace($0) })
        }
        let context = BuildContext(description, source)
        if let quantization = context.quantization, quantization.method == "mxfp4", source.inventedTensor("", shape: []) == nil,
            !description.weights.contains(where: \.readsMXFP4)
        {
            throw quantization.unsupported
        }
        try context.resolveParameters()
        let scope = context.scope()
        let numbers = try facts.all.map { try $0.formula.int(scope, $0.key, in: $0.range) }

        var graphs: [String: Graph] = [:]
        var hidden: [String: [String: Int]] = [:]
        var bindings: [String: WeightBinding] = [:]
        var states: [Graph.State] = []
        var feeds: [String: [String: String]] = [:]
        var result = ModelResult.logits
        for spec in description.graphs {
            if let when = spec.when, try !when.bool(scope, "'when' of graph '\(spec.name)'") { continue }
            var expansion = GraphExpansion(context, catalogue, spec)
            let graph = try expansion.run()
            graphs[spec.name] = graph
            if spec.name == "main" { result = expansion.result }
            hidden[spec.name] = expansion.hidden
            for feed in spec.feeds { feeds[spec.name, default: [:]][feed.input] = try feed.hiddenName(scope, graph: spec.name) }
            bindings.merge(expansion.bindings) { first, _ in first }
            for state in graph.states where !states.contains(where: { $0.name == state.name }) { states.append(state) }
        }
        for (name, inputs) in feeds {
            for value in inputs.values where hidden["main"]?[value] == nil {
                throw HadalError(
                    .notFound, "graph '\(name)' is fed with \(value), which the main graph does not name",
                    at: description.graphs.first { $0.name == name }?.place,
                    hint: Suggestion.hint(for: value, among: Array(hidden["main"]?.keys ?? [:].keys)))
            }
        }
        return ModelGraph(
            architecture: description.name, variant: variant, reasons: reasons, graphs: graphs, weights: bindings, hidden: hidden,
            feeds: feeds,
            states: states, parameters: description.parameters.compactMap { context.parameters[$0.name] }, layerCount: numbers[0],
            width: numbers[1], contextLength: numbers[2], vocabularySize: numbers[3],
            textLength: try facts.textLength?.evaluate(scope).int, result: result,
            needsWholeSequences: try graphs["main"]?.nodes.contains {
                try catalogue.contracts[$0.op]?.needsWholeSequence($0.attributes) ?? false
            } ?? false,
            rerankPrompt: description.rerankPrompt, dynamicRope: context.dynamicRope,
            warnings: warnings + (try context.unreadKeys()) + context.warnings())
    }
}

extension BuildContext {
    /// Tensors that nothing uses, less those that the description says may be ignored.
    func warnings() -> [String] {
        let patterns = description.ignore.filter { $0.format == source.format }.flatMap(\.patterns).map { Glob($0) }
        var unused: [String] = []
        var more = 0
        for name in source.tensorNames where !usedTensors.contains(ExactString(name)) {
            if patterns.contains(where: { $0.matches(name) }) { continue }
            if quantization != nil, Self.activationScales.contains(where: name.hasSuffix) { continue }
            if unused.count < Limits.warnings { unused.append("tensor '\(name)' is not used by \(description.name)") } else { more += 1 }
        }
        if more > 0 { unused.append("\(more) more tensors are not used") }
        return unused
    }
}
