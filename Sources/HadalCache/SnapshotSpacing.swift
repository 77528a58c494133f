/// At which block ends of a prompt snapshots are taken while it is computed: few, and the closer together the nearer to the prompt's end,
/// where the next timeline is most likely to differ.
package enum SnapshotSpacing {
    /// All arguments count blocks from the timeline's start.
    ///
    /// A prompt that differs x blocks before the end of this one then computes at most max(2, x) blocks that both have in common.
    ///
    /// - Parameters:
    ///   - held: those that need not be computed.
    ///   - known: those that another timeline has in common with the prompt (`BlockTree.Found.known`): more will.
    ///   - total: whole blocks of the prompt.
    /// - Returns: in ascending order, the last one being `total`; at most log2(total - held) + 2 of them. Empty when nothing is computed.
    package static func ends(after held: Int, known: Int, of total: Int) -> [Int] {
        guard held < total else { return [] }
        var ends: Set<Int> = [total]
        if known > held, known < total { ends.insert(known) }
        var distance = 2
        while total - distance > held {
            ends.insert(total - distance)
            distance *= 2
        }
        return ends.sorted()
    }
}
