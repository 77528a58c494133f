import HadalBackend
import HadalCore
import HadalGraph

/// A model's second graph, `mtp`, which predicts the token after the next: compiled beside the main graph, with state of its own.
///
/// Its input `previous` is the main graph's `hidden.norm`, a token earlier than its input `tokens`. Not thread-safe: the engine's
/// lock guards it.
final class PredictionHead {
    static let graphName = "mtp"
    /// What the main graph gives it.
    static let source = "hidden.norm"

    private let model: LoadedModel
    private let runner: StepRunner
    private let previous: UnsafeMutablePointer<Float>
    private let width: Int
    private let pages: [UInt32]

    /// - Throws: `unsupported` for a model without such a graph, and what compiling it meets.
    init(_ model: LoadedModel, on chosen: BackendChoice, options: EngineOptions, contextLength: Int) throws {
        guard let graph = model.description.graph.graphs[Self.graphName] else {
            throw HadalError(
                .unsupported, "this model has no layer that predicts the token after the next", at: Place(model.description.files.path))
        }
        let ports = try StepRunner.Ports(of: graph, architecture: model.description.graph.architecture)
        guard let input = graph.inputs.first(where: { graph.values[$0].name == "previous" }),
            case .fixed(let width)? = graph.values[input].dims.last
        else { throw HadalError(.malformed, "graph '\(graph.name)' of \(model.description.graph.architecture) lacks input 'previous'") }
        let tokens = min(options.batchTokens, contextLength)
        let bounds = Segment.Bounds(tokens: tokens, sequences: 1, rows: tokens)
        let bare = Segment(
            withoutData: graph, scales: try model.description.scales(of: graph), bounds: bounds, stateDType: options.cacheDType,
            pageTokens: Engine.pageTokens)
        let plan = try chosen.plan(for: bare, policy: options.fallback)
        let placement = try chosen.expertMemory.map { _ in try ExpertPlacement(graph, of: model.description.graph) }
        let streamed = chosen.capabilities.contains(.weightPieces) ? placement : nil
        let weights = try model.bindWeights(of: graph, streamed: streamed)
        let segment = Segment(
            graph: graph, weights: weights.data, bounds: bounds, stateDType: options.cacheDType, pageTokens: Engine.pageTokens)
        let count = (contextLength + Engine.pageTokens - 1) / Engine.pageTokens
        let program = try Program(plan: plan, segment: segment, devices: chosen.devices, pageCount: count)
        if program.info.keepsWeights { model.keep(weights) }
        self.model = model
        self.width = width
        pages = (0..<count).map { UInt32($0) }
        runner = try StepRunner(program: program, ports: ports, pageCapacity: count)
        previous = try program.pointer(to: input, as: Float.self)
    }

    var expertStatistics: ExpertStatistics? { runner.program.expertStatistics }

    /// The logits of a whole sequence, from an empty state.
    ///
    /// - Parameters:
    ///   - tokens: all T of them.
    ///   - hidden: `[T, width]`, the main graph's `hidden.norm`.
    /// - Returns: `[T - 1, vocabulary]`; row i predicts token i + 2 from tokens 0 to i + 1.
    func evaluate(_ tokens: [Int32], hidden: [Float]) throws -> NamedTensor {
        let count = max(tokens.count - 1, 0)
        let vocabulary = model.vocabularySize
        guard hidden.count == tokens.count * width else {
            throw HadalError(.mismatch, "\(hidden.count) hidden values for \(tokens.count) tokens of width \(width)")
        }
        var result = NamedTensor(name: "mtp_logits", shape: [count, vocabulary], values: [])
        result.values.reserveCapacity(count * vocabulary)
        var first = 0
        while first < count {
            let size = min(count - first, runner.program.bounds.tokens)
            let used = (first + size + Engine.pageTokens - 1) / Engine.pageTokens
            runner.begin()
            let row = try tokens.withUnsafeBufferPointer { all in
                try pages.withUnsafeBufferPointer { list in
                    try runner.add(
                        UnsafeBufferPointer(rebasing: all[first + 1..<first + 1 + size]), past: first,
                        pageList: UnsafeBufferPointer(rebasing: list[..<used]), plannedLength: count, wantedRows: size)
                }
            }
            for i in 0..<size * width { previous[i] = hidden[first * width + i] }
            try runner.run(cancel: nil, trace: nil)
            result.values += UnsafeBufferPointer(start: runner.logits + row * vocabulary, count: size * vocabulary)
            first += size
        }
        return result
    }
}
