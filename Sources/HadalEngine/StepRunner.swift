import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// Fills in one step of a program, for one or several sequences, and runs it.
///
/// All arrays are allocated once at their upper bounds. Not thread-safe: used within `Engine.state`.
final class StepRunner {
    /// The values of the main graph that the host talks to.
    struct Ports {
        var tokens: Int
        var positions: Int
        /// nil when the graph gives logits for every token.
        var rows: Int?
        /// nil when the graph does not read it.
        var tokenTypes: Int?
        /// What the graph gives for each row: logits, embeddings or scores.
        var logits: Int

        /// - Throws: `malformed` for a graph without tokens, positions or an output.
        init(of graph: Graph, architecture: String) throws {
            func input(_ name: String) -> Int? { graph.inputs.first { graph.values[$0].name == name } }
            guard let tokens = input("tokens"), let positions = input("positions"), let logits = graph.outputs.first else {
                throw HadalError(.malformed, "graph '\(graph.name)' of \(architecture) lacks tokens, positions or an output")
            }
            (self.tokens, self.positions, rows, self.logits) = (tokens, positions, input("rows"), logits)
            tokenTypes = input("token_types")
        }
    }

    let program: Program
    private let step: UnsafeMutablePointer<hadal_step>
    private let sequences: UnsafeMutablePointer<hadal_sequence>
    /// Of each sequence: the first of its rows in `logits`.
    private let firstRows: UnsafeMutablePointer<Int>
    private let pages: UnsafeMutablePointer<UInt32>
    private let pageCapacity: Int
    private let tokens: UnsafeMutablePointer<Int32>
    private let positions: UnsafeMutablePointer<Int32>
    private let rows: UnsafeMutablePointer<Int32>?
    private let tokenTypes: UnsafeMutablePointer<Int32>?
    /// `[rows, vocabulary]` after a run, or `[rows, width]` of a model that gives something else.
    let logits: UnsafePointer<Float>
    private var pageFill = 0

    init(program: Program, ports: Ports, pageCapacity: Int) throws {
        self.program = program
        self.pageCapacity = pageCapacity
        tokens = try program.pointer(to: ports.tokens, as: Int32.self)
        positions = try program.pointer(to: ports.positions, as: Int32.self)
        rows = try ports.rows.map { try program.pointer(to: $0, as: Int32.self) }
        tokenTypes = try ports.tokenTypes.map { try program.pointer(to: $0, as: Int32.self) }
        logits = UnsafePointer(try program.pointer(to: ports.logits, as: Float.self))
        step = .allocate(capacity: 1)
        sequences = .allocate(capacity: program.bounds.sequences)
        firstRows = .allocate(capacity: program.bounds.sequences)
        pages = .allocate(capacity: max(pageCapacity, 1))
        step.initialize(to: hadal_step())
        step.pointee.size = UInt32(MemoryLayout<hadal_step>.size)
        step.pointee.sequences = UnsafePointer(sequences)
        step.pointee.pages = UnsafePointer(pages)
        step.pointee.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
    }

    deinit {
        step.deallocate()
        sequences.deallocate()
        firstRows.deallocate()
        pages.deallocate()
    }

    /// Starts an empty step.
    func begin() {
        step.pointee.tokens = 0
        step.pointee.rows = 0
        step.pointee.sequence_count = 0
        step.pointee.page_list_count = 0
        pageFill = 0
    }

    /// Adds one sequence's new tokens.
    ///
    /// - Parameters:
    ///   - past: tokens already in its state.
    ///   - pageList: pages for past and new tokens.
    ///   - plannedLength: the length its whole pending input will reach.
    ///   - wantedRows: how many of the last new tokens need logits.
    ///   - slots: of its states of fixed size, where there are such.
    ///   - types: of the new tokens, for a graph that reads them; empty: all 0.
    func add(
        _ new: UnsafeBufferPointer<Int32>, past: Int, pageList: UnsafeBufferPointer<UInt32>, plannedLength: Int, wantedRows: Int,
        slots: StateSlots = StateSlots(), types: [Int32] = []
    ) throws {
        let first = Int(step.pointee.tokens)
        let firstRow = Int(step.pointee.rows)
        let slot = Int(step.pointee.sequence_count)
        guard first + new.count <= program.bounds.tokens, slot < program.bounds.sequences,
            rows == nil || firstRow + wantedRows <= program.bounds.rows, pageFill + pageList.count <= pageCapacity
        else { throw HadalError(.limitExceeded, "a step of \(first + new.count) tokens is larger than the program was compiled for") }
        for i in 0..<new.count {
            tokens[first + i] = new[i]
            positions[first + i] = Int32(past + i)
        }
        if let tokenTypes { for i in 0..<new.count { tokenTypes[first + i] = i < types.count ? types[i] : 0 } }
        if let rows { for i in 0..<wantedRows { rows[firstRow + i] = Int32(first + new.count - wantedRows + i) } }
        for i in 0..<pageList.count { pages[pageFill + i] = pageList[i] }
        sequences[slot] = hadal_sequence(
            first_token: UInt32(first), token_count: UInt32(new.count), past: UInt32(past), planned_length: UInt32(plannedLength),
            first_page: UInt32(pageFill), page_count: UInt32(pageList.count), slot_before: slots.current?.slot ?? 0,
            slot_after: slots.next?.slot ?? 0)
        pageFill += pageList.count
        step.pointee.tokens += UInt32(new.count)
        step.pointee.rows += UInt32(wantedRows)
        step.pointee.sequence_count += 1
        step.pointee.page_list_count = UInt32(pageFill)
        firstRows[slot] = rows == nil ? first + new.count - wantedRows : firstRow
    }

    /// The first row of a sequence in `logits`, by the order of `add`.
    func firstRow(of sequence: Int) -> Int { firstRows[sequence] }

    /// The first token of a sequence among the step's, by the order of `add`.
    func firstToken(of sequence: Int) -> Int { Int(sequences[sequence].first_token) }

    func run(cancel: UnsafePointer<UInt32>?, trace: TraceSink?) throws {
        try program.run(UnsafePointer(step), cancel: cancel, trace: trace)
    }
}
