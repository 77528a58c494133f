import CHadalPlugin
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// A state as bound for one step: page p, head h, token t of the page, then a row of `width` elements.
struct PagedCache: @unchecked Sendable {
    let heads: Int
    let width: Int
    private let base: UnsafeMutableRawPointer?
    private let pageTokens: Int
    /// nil for a type that nodes are refused with.
    private let layout: StateRow?

    init(_ state: Graph.State, _ binding: hadal_binding, _ segment: Segment) {
        heads = state.heads
        width = state.width
        layout = StateRow(segment.stateDType, width: state.width)
        pageTokens = segment.pageTokens
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
}
