/// Masks of configurations, for one vocabulary.
struct MaskCache {
    private var vocabulary: Int?
    private var known: [Int32: [UInt64]] = [:]
    private var memory = 0
    /// Of nodes of the arena how many tokens begin with one of their first bytes; -1 where that is not counted yet.
    private var weights: [Int32] = []

    mutating func use(_ vocabulary: Int) {
        if self.vocabulary == vocabulary { return }
        self = MaskCache()
        self.vocabulary = vocabulary
    }

    func weight(of node: Int32) -> Int32? {
        guard Int(node) < weights.count, weights[Int(node)] >= 0 else { return nil }
        return weights[Int(node)]
    }

    /// - Parameter nodes: how many nodes the arena has.
    mutating func keep(weight: Int32, of node: Int32, nodes: Int) {
        if weights.count < nodes { weights.append(contentsOf: repeatElement(-1, count: nodes - weights.count)) }
        weights[Int(node)] = weight
    }

    func find(_ configuration: Int32) -> [UInt64]? { known[configuration] }

    /// Forgets all others when the limit is reached.
    mutating func keep(_ words: [UInt64], _ configuration: Int32, limit: Int) {
        let size = words.count * 8 + 64
        if size > limit { return }
        if memory + size > limit {
            known = [:]
            memory = 0
        }
        memory += size
        known[configuration] = words
    }
}
