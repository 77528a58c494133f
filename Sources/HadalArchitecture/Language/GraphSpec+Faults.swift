import HadalCore
import HadalGraph

/// Faults of graphs that both the check without a model and the expansion for one may find, in one wording.
extension GraphSpec {
    /// Why a value was not made.
    struct Skip {
        var when: Formula
        /// Where in the model: "layers.0.moe". nil: everywhere.
        var label: String?
    }

    /// - Parameter shape: what the result is instead.
    func wrongShape(of result: ModelResult, _ shape: String, at place: SourcePlace) -> HadalError {
        let wanted =
            switch result {
            case .logits: "logits must be [R, V], V elements for each of the R rows requested; these are"
            case .embedding: "embedding must be [R, D], D elements for each of the R rows requested; this is"
            case .score: "score must be [R, 1], a number for each of the R rows requested; this is"
            }
        let picks =
            result == .logits
            ? "pick the rows before the head: {\"op\": \"gather_rows\", \"in\": [\"x\", \"rows\"], \"out\": \"x\"}"
            : "make a text's rows one: {\"op\": \"pool\", \"in\": [\"x\", \"rows\"], \"kind\": \"'mean'\", \"out\": \"x\"}"
        return HadalError(
            .mismatch, "graph '\(name)': \(wanted) \(shape)", at: place, hint: shape.hasPrefix("[T") ? HadalError.Hint(picks) : nil)
    }

    static func unknownValue(_ name: String, among known: [String], _ description: ArchitectureDescription, at place: SourcePlace)
        -> HadalError
    {
        let isWeight = description.weightIndex[name] != nil
        return HadalError(
            .notFound, "no value '\(name)' has been made here", at: place,
            hint: isWeight
                ? "'\(name)' is a weight: it is given by the op's own key for it, not by 'in'" : Suggestion.hint(for: name, among: known))
    }

    static func skippedValue(_ name: String, _ skip: Skip, at place: SourcePlace) -> HadalError {
        let layer = skip.label.map { " in \($0)" } ?? ""
        return HadalError(
            .notFound,
            "no value '\(name)' has been made here: what would make it is left out\(layer), where 'when' is false (\(skip.when.text))",
            at: place,
            hint: "'when' at \(skip.when.place)")
    }

    static func wrongFeed(_ feed: Feed, _ value: ExpressionValue, graph: String) -> HadalError {
        HadalError(
            .malformed, "what feeds '\(feed.input)' of graph '\(graph)' is neither a layer nor a name but \(value)", at: feed.hidden.place)
    }

    static func sharedState(_ name: String, at place: SourcePlace, declared: SourcePlace) -> HadalError {
        HadalError(
            .mismatch, "state '\(name)' has no 'layers', so it is one cache, and nodes of several repetitions append to it", at: place,
            hint: "declared at \(declared): \"layers\" says how many there are; \"state_index\" names one on purpose")
    }
}

extension Statement {
    var when: Formula? {
        switch self {
        case .node(let node): node.when
        case .block(_, let when, _), .repeated(_, _, _, _, let when, _, _), .hidden(_, _, let when, _): when
        }
    }

    var place: SourcePlace {
        switch self {
        case .node(let node): node.place
        case .block(_, _, let place), .repeated(_, _, _, _, _, _, let place), .hidden(_, _, _, let place): place
        }
    }

    /// The names of the values that the statement would make, those of its blocks included.
    func outputs(in description: ArchitectureDescription) -> Set<String> {
        var blocks: Set<String> = []
        return outputs(in: description, seen: &blocks)
    }

    private func outputs(in description: ArchitectureDescription, seen: inout Set<String>) -> Set<String> {
        func all(_ body: [Statement]) -> Set<String> { body.reduce(into: []) { $0.formUnion($1.outputs(in: description, seen: &seen)) } }
        switch self {
        case .node(let node): return Set(node.outputs)
        case .block(let name, _, _): return seen.insert(name).inserted ? all(description.block(name) ?? []) : []
        case .repeated(_, _, _, _, _, let body, _): return all(body)
        case .hidden: return []
        }
    }
}
