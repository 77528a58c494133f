import CHadalPlugin
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// A state as bound for one step: page p, head h, token t of the page, then a row of `width` elements. Of a state of fixed size: slot s, head h,
/// row r.
struct PagedCache: @unchecked Sendable {
    let heads: Int
    let width: Int
    private let base: UnsafeMutableRawPointer?
    /// Rows of a head in a page, or in a slot.
    private let pageTokens: Int
    /// nil for a type that nodes are refused with.
    private let layout: StateRow?

    init(_ state: Graph.State, _ binding: hadal_binding, _ segment: Segment) {
        heads = state.heads
        width = state.width
        layout = StateRow(segment.dtype(of: state), width: state.width)
        pageTokens = segment.rowsPerPage(of: state)
        base = binding.host.map { $0 + Int(binding.offset) }
    }

    private func row(_ sequence: StepLayout.Sequence, _ position: Int, _ head: Int, _ layout: StateRow) -> UnsafeMutableRawPointer? {
        let page = Int(sequence.pages[position / pageTokens])
        let row = (page * heads + head) * pageTokens + position % pageTokens
        return base.map { $0 + row * layout.bytes }
    }

    /// Reads columns `start..<start + count` of one token's row.
    func load(
        _ sequence: StepLayout.Sequence, position: Int, head: Int, start: Int = 0, count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        guard let layout, let row = row(sequence, position, head, layout) else { return }
        layout.decode(row, start: start, count: count, into: out)
    }

    /// Rounds a token's `width` values to the cache's type and writes them.
    func store(_ values: UnsafePointer<Float>, _ sequence: StepLayout.Sequence, position: Int, head: Int) {
        guard let layout, let row = row(sequence, position, head, layout) else { return }
        layout.encode(values, into: row)
    }

    // MARK: states of fixed size

    /// A head's rows, `[rows, width]`, as the sequence's last step left them; nil: zeros.
    func before(_ sequence: StepLayout.Sequence, head: Int) -> UnsafePointer<Float>? {
        sequence.past > 0 ? slot(sequence.slotBefore, head).map { UnsafePointer($0) } : nil
    }

    /// Where this step leaves a head's rows, all of which are to be written.
    func after(_ sequence: StepLayout.Sequence, head: Int) -> UnsafeMutablePointer<Float>? { slot(sequence.slotAfter, head) }

    private func slot(_ slot: Int, _ head: Int) -> UnsafeMutablePointer<Float>? {
        base?.assumingMemoryBound(to: Float.self).advanced(by: (slot * heads + head) * pageTokens * width)
    }
}
