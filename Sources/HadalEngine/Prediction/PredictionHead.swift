import HadalBackend
import HadalCore
import HadalGraph

/// A model's second graph, `mtp`, which predicts the token after the next: compiled beside the main graph, with state of its own.
///
/// Its input `previous` is a hidden state of the main graph, a token earlier than its input `tokens`. Not thread-safe: the engine's
/// lock guards it.
final class PredictionHead {
    static let graphName = "mtp"
    static let inputName = "previous"
    /// What the graph calls the hidden state that a further draft starts from in place of the main graph's.
    static let nextName = "hidden.next"

    /// What the head is compiled for.
    struct Use {
        /// `evaluate` is called: logits of every token of a step.
        var evaluates: Bool
        /// Sessions draft with it: pages for all of them.
        var pages: Int
    }

    let vocabularySize: Int
    /// Of a hidden state.
    let width: Int
    var pool: PagePool
    private let runner: StepRunner
    private let previous: UnsafeMutablePointer<Float>
    /// `[T, width]` after a step: where a further draft starts from. nil: the head drafts one token at a time.
    let next: UnsafePointer<Float>?
    private let program: Program

    var ops: Set<String> { Set(program.graph.nodes.map(\.op)) }

    /// As `Program.replaceKernel`. The head is placed on its own: its plan's devices are the engine's.
    func replaceKernel(op: String, from directory: String, on device: Int?) throws -> Int {
        try program.replaceKernel(op: op, from: directory, onDevice: device)
    }

    /// The main graph's hidden state that feeds a model's head: its value, and its width.
    ///
    /// - Throws: `unsupported` for a model without a head.
    static func source(in description: ModelDescription) throws -> (value: Int, width: Int) {
        let graph = description.graph
        guard graph.graphs[graphName] != nil else {
            throw HadalError(
                .unsupported, "this model has no layer that predicts the token after the next", at: Place(description.files.path),
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

    /// - Throws: `unsupported` for a model without such a graph, and what compiling it meets.
    init(_ model: LoadedModel, on chosen: BackendChoice, options: EngineOptions, contextLength: Int, for use: Use) throws {
        let source = try Self.source(in: model.description)
        guard var graph = model.description.graph.graphs[Self.graphName] else { throw HadalError(.unsupported, "no graph '\(Self.graphName)'") }
        let ports = try StepRunner.Ports(of: graph, architecture: model.description.graph.architecture)
        guard let input = graph.inputs.first(where: { graph.values[$0].name == Self.inputName }),
            graph.values[input].dims == [.tokens, .fixed(source.width)]
        else {
            throw HadalError(
                .malformed, "graph '\(graph.name)' of \(model.description.graph.architecture) lacks an input '\(Self.inputName)' of width \(source.width)")
        }
        let further = model.description.graph.hidden[Self.graphName]?[Self.nextName].flatMap { value in
            graph.values[value].dims == graph.values[input].dims ? value : nil
        }
        if let further, !graph.outputs.contains(further) { graph.outputs.append(further) }
        let tokens = min(options.batchTokens, contextLength)
        let bounds = Segment.Bounds(tokens: tokens, sequences: 1, rows: use.evaluates ? tokens : 1)
        let bare = Segment(
            withoutData: graph, scales: try model.description.scales(of: graph), bounds: bounds, stateDType: options.cacheDType,
            pageTokens: Engine.pageTokens)
        let placed = try chosen.place(bare)
        let streamed = try chosen.expertMemory.map { _ in try ExpertPlacement(graph, of: model.description.graph, on: placed) }
        let weights = try model.bindWeights(of: graph, sharing: model.graph, streamed: streamed)
        let segment = Segment(
            graph: graph, weights: weights.data, bounds: bounds, stateDType: options.cacheDType, pageTokens: Engine.pageTokens)
        let perSession = (contextLength + Engine.pageTokens - 1) / Engine.pageTokens
        let pages = max(use.pages, perSession)
        program = try Program(plan: placed.plan, segment: segment, devices: placed.devices, pageCount: pages)
        if program.info.keepsWeights { try model.keep(weights, program.keptWeights, of: graph) }
        width = source.width
        vocabularySize = model.vocabularySize
        pool = PagePool(pages: pages)
        runner = try StepRunner(program: program, ports: ports, pageCapacity: perSession)
        previous = try program.pointer(to: input, as: Float.self)
        next = try further.map { [program] in UnsafePointer(try program.pointer(to: $0, as: Float.self)) }
    }

    var pageTokens: Int { program.pageTokens }
    /// Most tokens of one step.
    var stepTokens: Int { program.bounds.tokens }

    func copyPage(from source: UInt32, to destination: UInt32) throws { try program.copyPage(from: Int(source), to: Int(destination)) }

    /// Runs one step of one sequence.
    ///
    /// - Parameters:
    ///   - hidden: `[tokens.count, width]`.
    ///   - past: entries already in its state.
    ///   - rows: of how many of the last tokens logits are wanted.
    /// - Returns: those logits, `[rows, vocabulary]`; valid until the next step.
    func step(
        _ tokens: UnsafeBufferPointer<Int32>, hidden: UnsafePointer<Float>, past: Int, pages: UnsafeBufferPointer<UInt32>, rows: Int,
        cancel: UnsafePointer<UInt32>?
    ) throws -> UnsafePointer<Float> {
        runner.begin()
        let row = try runner.add(tokens, past: past, pageList: pages, plannedLength: past + tokens.count, wantedRows: rows)
        previous.update(from: hidden, count: tokens.count * width)
        try runner.run(cancel: cancel, trace: nil)
        return runner.logits + row * vocabularySize
    }

    var expertStatistics: ExpertStatistics? { runner.program.expertStatistics }

    /// The logits of a whole sequence, from an empty state.
    ///
    /// - Parameters:
    ///   - tokens: all T of them.
    ///   - hidden: `[T, width]`, the main graph's.
    /// - Returns: `[T - 1, vocabulary]`; row i predicts token i + 2 from tokens 0 to i + 1.
    func evaluate(_ tokens: [Int32], hidden: [Float]) throws -> NamedTensor {
        let count = max(tokens.count - 1, 0)
        guard hidden.count == tokens.count * width else {
            throw HadalError(.mismatch, "\(hidden.count) hidden values for \(tokens.count) tokens of width \(width)")
        }
        var result = NamedTensor(name: "mtp_logits", shape: [count, vocabularySize], values: [])
        result.values.reserveCapacity(count * vocabularySize)
        var pages: [UInt32] = []
        defer { for page in pages { pool.release(page) } }
        var first = 0
        while first < count {
            let size = min(count - first, stepTokens)
            while pages.count * pageTokens < first + size {
                guard let page = pool.take() else { throw HadalError(.contextFull, "the cache of the prediction layer is full", hint: "close sessions") }
                pages.append(page)
            }
            try tokens.withUnsafeBufferPointer { all in
                try hidden.withUnsafeBufferPointer { hidden in
                    try pages.withUnsafeBufferPointer { list in
                        guard let rows = hidden.baseAddress else { return }
                        let logits = try step(
                            UnsafeBufferPointer(rebasing: all[first + 1..<first + 1 + size]), hidden: rows + first * width, past: first, pages: list,
                            rows: size, cancel: nil)
                        result.values += UnsafeBufferPointer(start: logits, count: size * vocabularySize)
                    }
                }
            }
            first += size
        }
        return result
    }
}
