import CHadalPlugin
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// A state as bound for one step: page p, head h, token t of the page, then `width` contiguous elements.
struct PagedCache: @unchecked Sendable {
    static let dtypes: [DType] = [.f32, .f16, .bf16]

    let heads: Int
    let width: Int
    private let base: UnsafeMutableRawPointer?
    private let pageTokens: Int
    private let dtype: DType

    init(_ state: Graph.State, _ binding: hadal_binding, _ segment: Segment) {
        heads = state.heads
        width = state.width
        dtype = segment.stateDType
        pageTokens = segment.pageTokens
        base = binding.host.map { $0 + Int(binding.offset) }
    }

    private func row(_ sequence: StepLayout.Sequence, _ position: Int, _ head: Int) -> UnsafeMutableRawPointer? {
        let page = Int(sequence.pages[position / pageTokens])
        let element = ((page * heads + head) * pageTokens + position % pageTokens) * width
        return base.map { $0 + element * dtype.blockBytes }
    }

    /// Reads columns `start..<start + count` of one token's row.
    func load(
        _ sequence: StepLayout.Sequence, position: Int, head: Int, start: Int = 0, count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        guard let row = row(sequence, position, head) else { return }
        let source = UnsafeRawBufferPointer(start: row + start * dtype.blockBytes, count: count * dtype.blockBytes)
        do { try BlockCodec.decode(dtype, from: source, into: out, count: count) } catch { out.update(repeating: .nan, count: count) }
    }

    /// Rounds `count` values to the cache's type, to nearest even, and writes them from column `start` on.
    func store(
        _ values: UnsafePointer<Float>, _ sequence: StepLayout.Sequence, position: Int, head: Int, start: Int = 0, count: Int
    ) {
        guard let row = row(sequence, position, head) else { return }
        let target = UnsafeMutableRawBufferPointer(start: row + start * dtype.blockBytes, count: count * dtype.blockBytes)
        // Only unknown types fail, and `dtypes` was checked when the node was made.
        try? BlockCodec.encode(dtype, from: values, into: target, count: count)
    }
}
