import HadalBackend
import HadalCore
import HadalGraph

/// A model's second graph, `mtp`, which predicts the token after the next: compiled beside the main graph, with state of its own.
///
/// Its input `previous` is a hidden state of the main graph, a token earlier than its input `tokens`. Not thread-safe: the engine's
/// lock guards it.
final class PredictionHead {
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

    /// - Parameter main: the graph whose embedding and head it shares.
    /// - Throws: what reading and compiling meet.
    init(_ plan: PredictionPlan, _ weights: ModelWeights, sharing main: Graph, on backends: BackendChoice, meter: LoadMeter) throws {
        program = try plan.graph.compile(weights, sharing: main, on: backends, meter: meter)
        width = plan.width
        vocabularySize = plan.vocabularySize
        pool = PagePool(pages: plan.graph.pages)
        runner = try StepRunner(program: program, ports: plan.ports, pageCapacity: plan.pagesPerSession)
        previous = try program.pointer(to: plan.input, as: Float.self)
        next = try plan.next.map { [program] in UnsafePointer(try program.pointer(to: $0, as: Float.self)) }
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
        try runner.add(tokens, past: past, pageList: pages, plannedLength: past + tokens.count, wantedRows: rows)
        previous.update(from: hidden, count: tokens.count * width)
        try runner.run(cancel: cancel, trace: nil)
        return runner.logits + runner.firstRow(of: 0) * vocabularySize
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
                guard let page = pool.take() else {
                    throw HadalError(.contextFull, "the cache of the prediction layer is full", hint: "close sessions")
                }
                pages.append(page)
            }
            try tokens.withUnsafeBufferPointer { all in
                try hidden.withUnsafeBufferPointer { hidden in
                    try pages.withUnsafeBufferPointer { list in
                        guard let rows = hidden.baseAddress else { return }
                        let logits = try step(
                            UnsafeBufferPointer(rebasing: all[first + 1..<first + 1 + size]), hidden: rows + first * width, past: first,
                            pages: list,
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
