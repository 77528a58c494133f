import HadalCore
package import HadalGraph

/// Looks for faults in a description that no model is needed to find: the rules that `hadal arch check` applies, and loading before
/// it looks at the model.
struct StaticCheck {
    static let maximumProblems = 100

    /// A fault, and how often it showed.
    struct Finding {
        var error: HadalError
        /// What it is a fault of: further faults of one cause are counted and not told.
        var cause: String
        /// The statements that led to it, the outermost first.
        var trail: [SourcePlace]
        var more = 0
    }

    let description: ArchitectureDescription
    let catalogue: OpCatalogue
    var findings: [Finding] = []
    private var extraNotes: [String] = []
    /// Positive while types are looked up whose faults are reported elsewhere.
    var isQuiet = 0
    var parameterTypes: [String: ValueType] = [:]
    /// Parameters whose types depend on each other, at this moment.
    var typesInProgress = 0
    var usedNames: Set<String> = []
    var usedBlocks: Set<String> = []
    var usedStates: Set<String> = []
    var usedTables: Set<String> = []
    var hiddenNames: Set<String> = []
    var indexNames: Set<String> = ["layer"]
    /// Indices that are also names of something else, which is reported.
    var clashingIndices: Set<String> = []
    /// Whether something before makes values that cannot be known, as it is at fault itself: what is not there may be one of them.
    var valuesAreUncertain = false
    var steps = 0
    var trail: [SourcePlace] = []
    /// Values of the graph at hand that a condition keeps from being made.
    var skipped: [String: GraphSpec.Skip] = [:]
    /// Hidden states of the graph at hand that are named whatever the model.
    var namedHidden: [String: SourcePlace] = [:]

    init(_ description: ArchitectureDescription, _ catalogue: OpCatalogue) {
        self.description = description
        self.catalogue = catalogue
    }

    /// - Parameter cause: what the fault is a fault of; nil: itself.
    mutating func report(_ error: HadalError, cause: String? = nil) {
        let cause = cause ?? "\(error)"
        if let known = findings.firstIndex(where: { $0.cause == cause }) {
            // A block that is used twice has its faults once.
            if findings[known].error.place != error.place { findings[known].more += 1 }
        } else if findings.count < Self.maximumProblems {
            findings.append(Finding(error: error, cause: cause, trail: trail))
        }
    }

    mutating func note(_ text: String) { if !extraNotes.contains(text) { extraNotes.append(text) } }

    /// Does `body`; whatever it throws is reported.
    mutating func reporting(cause: String? = nil, _ body: (inout StaticCheck) throws -> Void) {
        do { try body(&self) } catch let error as HadalError { report(error, cause: cause) } catch {}
    }

    mutating func run() -> CheckReport {
        for graph in description.graphs { collectIndices(graph.body) }
        for block in description.blocks { collectIndices(block.body) }
        for spec in description.parameters { check(spec) }
        checkCycles()
        for requirement in description.require { formula(requirement.condition, [], .bool, "requirement") }
        for variant in description.variants { checkVariant(variant) }
        for spec in description.weights { check(spec) }
        checkTies()
        for state in description.states { check(state) }
        for table in description.rope { check(table) }
        for watched in description.watchedConfig + description.watchedGGUF {
            if let when = watched.when { formula(when, [], .bool, "'when' of watched key '\(watched.key)'") }
        }
        checkFacts()
        for graph in description.graphs { check(graph) }
        return CheckReport(
            name: description.name, problems: blamed(), notes: findings.isEmpty ? extraNotes + notes() : [], warnings: extraNotes,
            parameterCount: description.parameters.count, weightCount: description.weights.count, graphNames: description.graphs.map(\.name)
        )
    }

    /// The faults at the lines that cause them.
    private func blamed() -> [HadalError] {
        func counted(_ finding: Finding, _ error: HadalError) -> HadalError {
            guard finding.more > 0 else { return error }
            let hint = error.hint.adding("and in \(finding.more) more place\(finding.more == 1 ? "" : "s")")
            return HadalError(error.code, error.message, at: error.place, hint: hint)
        }
        guard let blame = Blame(description.document), findings.contains(where: { blame.isInherited($0.error) }) else {
            return findings.map { counted($0, $0.error) }
        }
        // What is wrong without the last file is no fault of it.
        var below: [(raw: HadalError, told: HadalError)] = []
        if let document = description.document.withoutLastLayer(),
            let parent = try? ArchitectureDescription(document, files: Array(description.files.dropLast()))
        {
            var check = StaticCheck(parent, catalogue)
            let told = check.run().problems
            below = zip(check.findings.map(\.error), told).map { ($0, $1) }
        }
        return findings.map { finding in
            if let own = below.first(where: { $0.raw.message == finding.error.message && $0.raw.place == finding.error.place }) {
                return own.told
            }
            return counted(finding, blame.certain(finding.error, trail: finding.trail))
        }
    }

    private mutating func collectIndices(_ body: [Statement]) {
        for statement in body {
            guard case .repeated(_, _, let index, _, _, let inner, let place) = statement else { continue }
            indexNames.insert(index)
            if description.parameterIndex[index] != nil || description.weightIndex[index] != nil {
                report(HadalError(.malformed, "index '\(index)' is also a parameter or weight", at: place), cause: "index \(index)")
                clashingIndices.insert(index)
            }
            collectIndices(inner)
        }
    }

    /// Checks that every name in a formula stands for something.
    mutating func names(_ formula: Formula, _ indices: Set<String>) {
        for name in formula.names.sorted() {
            usedNames.insert(name)
            if indices.contains(name) || description.parameterIndex[name] != nil { continue }
            if let weight = description.weight(name) {
                needIndices(of: weight, indices, at: formula.place)
                continue
            }
            if name == "format" || name == "arch" || name.hasPrefix("config.") || name.hasPrefix("gguf.") { continue }
            let known = description.parameters.map(\.name) + description.weights.map(\.name) + Array(indices) + ["format"]
            report(
                HadalError(
                    .notFound, "unknown name '\(name)' in \"\(formula.text)\"", at: formula.place,
                    hint: Suggestion.hint(for: name, among: known)), cause: "name \(name)")
        }
    }

    private func notes() -> [String] {
        var notes: [String] = []
        guard !description.graphs.isEmpty else { return ["there is no graph: this description is there to be extended"] }
        if description.matches.isEmpty { notes.append("there is no 'match': it is used only when it is named") }
        for spec in description.parameters where !usedNames.contains(spec.name) { notes.append("parameter '\(spec.name)' is not used") }
        for spec in description.weights where !usedNames.contains(spec.name) { notes.append("weight '\(spec.name)' is not used") }
        for block in description.blocks where !usedBlocks.contains(block.name) { notes.append("block '\(block.name)' is not used") }
        for state in description.states where !usedStates.contains(state.name) { notes.append("state '\(state.name)' is not used") }
        for table in description.rope where !usedTables.contains(table.name) { notes.append("rope table '\(table.name)' is not used") }
        for wanted in ["embed", "norm"] where !hiddenNames.contains(wanted) {
            // What encoders pool comes after their last norm, if they have one.
            if wanted == "norm", hiddenNames.contains("last") { continue }
            notes.append("no value is named as hidden '\(wanted)': it cannot be shown beside the logits")
        }
        return notes
    }
}

extension ArchitectureDescription {
    /// Checks the description without a model. Loading does this first, so both refuse the same with the same words.
    package func check(catalogue: OpCatalogue) -> CheckReport {
        var check = StaticCheck(self, catalogue)
        return check.run()
    }

    func withoutVariants() throws -> ArchitectureDescription {
        guard var object = json.object else { return self }
        object["variants"] = nil
        return try ArchitectureDescription(document.replacing(root: JSON(.object(object), offset: json.offset)), files: files)
    }
}
