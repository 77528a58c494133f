import HadalCore

/// Lays slots out in one block of memory so that slots which are never alive together may share bytes.
struct Arena {
    private(set) var bytes = 0
    /// Offset of each slot.
    private(set) var offsets: [Int]

    /// Slots start on cache lines.
    static let alignment = 64

    /// - Parameters:
    ///   - sizes: bytes of each slot.
    ///   - lifetimes: first and last instruction that touches it; nil for a slot that none does.
    init(sizes: [Int], lifetimes: [ClosedRange<Int>?]) throws {
        offsets = Array(repeating: 0, count: sizes.count)
        // Large slots first: small ones then fill the gaps.
        let order = sizes.indices.sorted { sizes[$0] == sizes[$1] ? $0 < $1 : sizes[$0] > sizes[$1] }
        var placed: [Int] = []
        for slot in order {
            guard let life = lifetimes[slot] else { continue }
            let neighbours = placed.filter { lifetimes[$0]?.overlaps(life) ?? false }.sorted { offsets[$0] < offsets[$1] }
            let size = try Self.rounded(sizes[slot])
            var offset = 0
            for other in neighbours {
                if offsets[other] >= offset + size { break }
                offset = max(offset, offsets[other] + (try Self.rounded(sizes[other])))
            }
            let (end, overflow) = offset.addingReportingOverflow(size)
            guard !overflow else { throw HadalError(.outOfMemory, "the activations of this step are too large to address") }
            offsets[slot] = offset
            bytes = max(bytes, end)
            placed.append(slot)
        }
    }

    private static func rounded(_ size: Int) throws -> Int {
        let (padded, overflow) = size.addingReportingOverflow(alignment - 1)
        guard !overflow else { throw HadalError(.outOfMemory, "the activations of this step are too large to address") }
        return padded / alignment * alignment
    }
}
