import HadalArchitecture
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// A model's second graph, `mtp`, as it is compiled beside the main graph: see `PredictionHead`.
struct PredictionPlan: Sendable {
    static let graphName = "mtp"
    static let inputName = "previous"
    /// What the graph calls the hidden state that a further draft starts from in place of the main graph's.
    static let nextName = "hidden.next"

    let graph: GraphPlan
    let ports: StepRunner.Ports
    let vocabularySize: Int
    /// Of a hidden state.
    let width: Int
    /// The graph's values for the main graph's hidden state, and for its own, if it has one.
    let input: Int
    let next: Int?
    let pagesPerSession: Int

    /// The main graph's hidden state that feeds a model's head: its value, and its width.
    ///
    /// - Throws: `unsupported` for a model without a head.
    static func source(in description: ModelDescription) throws -> (value: Int, width: Int) {
        let graph = description.graph
        guard graph.graphs[graphName] != nil else {
            throw HadalError(
                .unsupported, "this model has no layer that predicts the token after the next", at: SourcePlace(description.files.path),
                hint: ["files often leave it out", .set(.speculation, to: "a draft model")])
        }
        guard let name = graph.feeds[graphName]?[inputName], let value = graph.hidden["main"]?[name] else {
            throw HadalError(.malformed, "\(graph.architecture) does not say what feeds '\(inputName)' of graph '\(graphName)'")
        }
        guard graph.main.values[value].dims.first == .tokens, case .fixed(let width)? = graph.main.values[value].dims.last else {
            throw HadalError(.malformed, "\(name) of \(graph.architecture) is not a row for each token")
        }
        return (value, width)
    }

    /// - Parameters:
    ///   - cacheDType: element type of every state.
    ///   - contextLength: tokens of a session.
    ///   - pages: for the drafts of all sessions; 0 when none drafts with it.
    /// - Throws: `unsupported` for a model without such a graph, and what placing it meets.
    init(
        _ description: ModelDescription, on backends: BackendChoice, _ options: EngineOptions, cacheDType: DType, contextLength: Int,
        pages: Int
    )
        throws
    {
        width = try Self.source(in: description).width
        guard var graph = description.graph.graphs[Self.graphName] else { throw HadalError(.unsupported, "no graph '\(Self.graphName)'") }
        ports = try StepRunner.Ports(of: graph, architecture: description.graph.architecture)
        guard let input = graph.inputs.first(where: { graph.values[$0].name == Self.inputName }),
            graph.values[input].dims == [.tokens, .fixed(width)]
        else {
            throw HadalError(
                .malformed,
                "graph '\(graph.name)' of \(description.graph.architecture) lacks an input '\(Self.inputName)' of width \(width)")
        }
        if let state = graph.states.first(where: \.isFixed) {
            throw HadalError(
                .unsupported, "graph '\(graph.name)' has the state '\(state.name)' of fixed size, which drafts cannot go back in")
        }
        self.input = input
        next = description.graph.hidden[Self.graphName]?[Self.nextName].flatMap { value in
            graph.values[value].dims == graph.values[input].dims ? value : nil
        }
        if let next, !graph.outputs.contains(next) { graph.outputs.append(next) }
        let tokens = min(options.batchTokens, contextLength)
        let bounds = Segment.Bounds(tokens: tokens, sequences: 1, rows: options.predictsNext ? tokens : 1)
        let segment = Segment(
            withoutData: graph, scales: try description.scales(of: graph), bounds: bounds, stateDType: cacheDType,
            pageTokens: Engine.pageTokens)
        let placed = try backends.place(segment)
        let streamed = try backends.expertMemory.map { _ in try ExpertPlacement(graph, of: description.graph, on: placed) }
        pagesPerSession = GraphFit.pages(contextLength)
        vocabularySize = description.graph.vocabularySize
        self.graph = GraphPlan(
            graph: graph, placed: placed, bounds: bounds, streamed: streamed, stateDType: cacheDType,
            pages: max(pages, pagesPerSession))
        try Program.checkHostMemory(for: segment, plan: placed.plan, pageCount: self.graph.pages)
    }
}
