/// Sixteen ascending levels and the search for the nearest.
struct LevelTable {
    private let levels: [Float]
    /// Half-way points between neighbours.
    private let boundaries: [Float]

    /// - Precondition: 16 levels in ascending order.
    init(_ levels: [Float]) {
        precondition(levels.count == 16)
        self.levels = levels
        boundaries = zip(levels, levels.dropFirst()).map { ($0 + $1) / 2 }
    }

    var first: Float { levels[0] }
    var last: Float { levels[15] }

    @inline(__always)
    func level(at index: UInt8) -> Float { levels[Int(index & 15)] }

    /// The index of the level nearest to `value`; 0 for NaN.
    @inline(__always)
    func nearest(_ value: Float) -> UInt8 {
        var low = 0
        for step in [8, 4, 2, 1] where value > boundaries[low + step - 1] { low += step }
        return UInt8(truncatingIfNeeded: low)
    }
}
