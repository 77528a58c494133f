import HadalCore
import HadalGraph

/// Looks for faults in a description that no model is needed to find.
struct StaticCheck {
    static let maximumProblems = 100

    let description: ArchitectureDescription
    let catalogue: OpCatalogue
    var problems: [HadalError] = []
    var usedNames: Set<String> = []
    var usedBlocks: Set<String> = []
    var usedStates: Set<String> = []
    var usedTables: Set<String> = []
    var hiddenNames: Set<String> = []
    var indexNames: Set<String> = ["layer"]
    var steps = 0

    init(_ description: ArchitectureDescription, _ catalogue: OpCatalogue) {
        self.description = description
        self.catalogue = catalogue
    }

    mutating func report(_ error: HadalError) {
        // A block that is used twice has its faults once.
        if problems.count < Self.maximumProblems, !problems.contains(error) { problems.append(error) }
    }

    mutating func run() -> CheckReport {
        for graph in description.graphs { collectIndices(graph.body) }
        for block in description.blocks { collectIndices(block.body) }
        for spec in description.parameters { check(spec) }
        checkCycles()
        for requirement in description.require { names(requirement.condition, []) }
        for variant in description.variants { checkVariant(variant) }
        for spec in description.weights { check(spec) }
        for state in description.states { for formula in state.formulas { names(formula, [state.index]) } }
        for table in description.rope { check(table) }
        for watched in description.watchedConfig + description.watchedGGUF { if let when = watched.when { names(when, []) } }
        checkFacts()
        for graph in description.graphs { check(graph) }
        return CheckReport(
            name: description.name, problems: problems, notes: notes(), parameterCount: description.parameters.count,
            weightCount: description.weights.count, graphNames: description.graphs.map(\.name))
    }

    private mutating func collectIndices(_ body: [Statement]) {
        for statement in body {
            guard case .repeated(_, _, let index, _, _, let inner, let place) = statement else { continue }
            indexNames.insert(index)
            if description.parameterIndex[index] != nil || description.weightIndex[index] != nil {
                report(HadalError(.malformed, "index '\(index)' is also a parameter or weight", at: place))
            }
            collectIndices(inner)
        }
    }

    /// Checks that every name in a formula stands for something.
    mutating func names(_ formula: Formula, _ indices: Set<String>) {
        for name in formula.names.sorted() {
            usedNames.insert(name)
            if indices.contains(name) || description.parameterIndex[name] != nil || description.weightIndex[name] != nil { continue }
            if name == "format" || name == "arch" || name.hasPrefix("config.") || name.hasPrefix("gguf.") { continue }
            let known = description.parameters.map(\.name) + description.weights.map(\.name) + Array(indices) + ["format"]
            report(
                HadalError(
                    .notFound, "unknown name '\(name)' in \"\(formula.text)\"", at: formula.place,
                    hint: Suggestion.hint(for: name, among: known)))
        }
    }

    private mutating func check(_ spec: ParameterSpec) {
        if let formula = spec.per { names(formula, []) }
        let indices: Set<String> = spec.per == nil ? [] : [spec.index]
        for formula in [spec.value, spec.fallback, spec.null].compactMap({ $0 }) { names(formula, indices) }
        if let written = spec.written {
            usedNames.insert(written)
            if description.parameter(written) == nil {
                report(
                    HadalError(
                        .notFound, "parameter '\(spec.name)': no parameter '\(written)'", at: spec.place,
                        hint: Suggestion.hint(for: written, among: description.parameters.map(\.name))))
            }
        }
        if let (weight, _) = spec.extent {
            usedNames.insert(weight)
            if description.weight(weight) == nil {
                report(
                    HadalError(
                        .notFound, "parameter '\(spec.name)': no weight '\(weight)'", at: spec.place,
                        hint: Suggestion.hint(for: weight, among: description.weights.map(\.name))))
            }
        }
    }

    private mutating func checkCycles() {
        var done: Set<String> = []
        var path: [String] = []
        var faults: [HadalError] = []
        func visit(_ spec: ParameterSpec) {
            if done.contains(spec.name) { return }
            if let start = path.firstIndex(of: spec.name) {
                let cycle = (path[start...] + [spec.name]).joined(separator: " -> ")
                faults.append(HadalError(.malformed, "parameters depend on each other: \(cycle)", at: spec.place))
                return
            }
            guard path.count < Limits.parameterDepth else {
                faults.append(
                    HadalError(.limitExceeded, "parameters depend on each other over more than \(Limits.parameterDepth) steps", at: spec.place))
                return
            }
            path.append(spec.name)
            let formulas = [spec.value, spec.fallback, spec.per, spec.null].compactMap { $0 }
            for name in formulas.reduce(into: Set<String>(), { $0.formUnion($1.names) }).sorted() where name != spec.index {
                if let other = description.parameter(name) { visit(other) }
            }
            path.removeLast()
            done.insert(spec.name)
        }
        for spec in description.parameters { visit(spec) }
        for fault in faults { report(fault) }
    }

    private mutating func checkVariant(_ variant: ArchitectureDescription.Variant) {
        names(variant.when, [])
        guard let patch = variant.patch else { return }
        do {
            // Variants do not nest, so that this ends.
            var check = StaticCheck(try description.patched(with: patch).withoutVariants(), catalogue)
            for problem in check.run().problems { report(problem) }
            usedNames.formUnion(check.usedNames)
            usedBlocks.formUnion(check.usedBlocks)
        } catch let error as HadalError { report(error) } catch {}
    }

    private mutating func check(_ spec: WeightSpec) {
        for formula in spec.shape + [spec.when, spec.optional, spec.tiedWhen].compactMap({ $0 }) { names(formula, indexNames) }
        if let tied = spec.tied {
            usedNames.insert(tied)
            if description.weight(tied) == nil {
                report(
                    HadalError(
                        .notFound, "weight '\(spec.name)' is tied to '\(tied)', which is no weight", at: spec.place,
                        hint: Suggestion.hint(for: tied, among: description.weights.map(\.name))))
            }
        }
        for part in [spec.safetensors, spec.gguf].compactMap({ $0 }) { check(part, spec, indexNames) }
    }

    private mutating func check(_ part: WeightSpec.Part, _ spec: WeightSpec, _ indices: Set<String>) {
        for formula in part.stored ?? [] { names(formula, indices) }
        for step in part.steps { for formula in step.formulas { names(formula, indices) } }
        switch part.source {
        case .tensor(let patterns, let place): check(patterns, place, indices)
        case .mxfp4(let blocks, let scales, let place): check(blocks + scales, place, indices)
        case .concat(let parts, _, _), .first(let parts, _): for inner in parts { check(inner, spec, indices) }
        case .stack(let inner, let index, let count, _):
            names(count, indices)
            check(inner, spec, indices.union([index]))
        }
    }

    private mutating func check(_ patterns: [NamePattern], _ place: Place, _ indices: Set<String>) {
        for pattern in patterns {
            for name in pattern.placeholders.sorted() where !indices.contains(name) && !description.aliases.contains(where: { $0.name == name }) {
                usedNames.insert(name)
                if description.parameter(name)?.kind == .int { continue }
                report(
                    HadalError(
                        .notFound, "'{\(name)}' in \"\(pattern.text)\" is neither an index, an alias nor an integer parameter", at: place,
                        hint: Suggestion.hint(for: name, among: Array(indices) + description.aliases.map(\.name))))
            }
        }
    }

    private mutating func check(_ table: RopeSpec) {
        for (key, formula) in table.fields.sorted(by: { $0.key < $1.key }) {
            if key.hasSuffix("_weight") {
                let name = formula.bareName ?? formula.text
                usedNames.insert(name)
                if description.weight(name) == nil {
                    report(
                        HadalError(
                            .notFound, "rope table '\(table.name)': no weight '\(name)'", at: formula.place,
                            hint: Suggestion.hint(for: name, among: description.weights.map(\.name))))
                }
            } else {
                names(formula, indexNames)
            }
        }
    }

    private mutating func checkFacts() {
        guard !description.graphs.isEmpty else { return }
        guard let facts = description.facts else {
            report(HadalError(.malformed, "a description with a graph needs 'model'", at: description.document.place(of: description.json)))
            return
        }
        for formula in [facts.layers, facts.width, facts.contextLength, facts.vocabularySize] { names(formula, []) }
        if !description.graphs.contains(where: { $0.name == "main" }) {
            report(HadalError(.malformed, "there is no 'graph'", at: description.document.place(of: description.json)))
        }
    }

    private func notes() -> [String] {
        var notes: [String] = []
        guard !description.graphs.isEmpty else { return ["there is no graph: this description is there to be extended"] }
        if description.matches.isEmpty { notes.append("there is no 'match': it is used only when named with --architecture") }
        for spec in description.parameters where !usedNames.contains(spec.name) { notes.append("parameter '\(spec.name)' is not used") }
        for spec in description.weights where !usedNames.contains(spec.name) { notes.append("weight '\(spec.name)' is not used") }
        for block in description.blocks where !usedBlocks.contains(block.name) { notes.append("block '\(block.name)' is not used") }
        for state in description.states where !usedStates.contains(state.name) { notes.append("state '\(state.name)' is not used") }
        for table in description.rope where !usedTables.contains(table.name) { notes.append("rope table '\(table.name)' is not used") }
        for wanted in ["embed", "norm"] where !hiddenNames.contains(wanted) {
            notes.append("no value is named as hidden '\(wanted)': `hadal logits --hidden` cannot show it")
        }
        return notes
    }
}

extension ArchitectureDescription {
    func withoutVariants() throws -> ArchitectureDescription {
        guard var object = json.object else { return self }
        object["variants"] = nil
        return try ArchitectureDescription(document.replacing(root: JSON(.object(object), offset: json.offset)), files: files)
    }
}
