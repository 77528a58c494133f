/// Ascending whole-numbered levels and the search for the nearest, by a table of half-unit cells.
///
/// Half-way points between whole levels are multiples of one half, so that all of a cell has the same nearest level.
struct LevelTable {
    let first: Float
    let last: Float
    private let indices: [UInt8]
    private let levels: [Float]

    /// - Precondition: at least two and at most 256 whole levels in ascending order.
    init(_ levels: [Float]) {
        precondition((2...256).contains(levels.count) && zip(levels, levels.dropFirst()).allSatisfy { $0 < $1 })
        (first, last) = (levels[0], levels[levels.count - 1])
        let cells = Int((last - first) * 2) + 1
        let (first, boundaries) = (first, zip(levels, levels.dropFirst()).map { ($0 + $1) / 2 })
        indices = (0..<cells).map { cell in
            let start = first + Float(cell) / 2
            return UInt8(boundaries.prefix { $0 <= start }.count)
        }
        self.levels = indices.map { levels[Int($0)] }
    }

    /// The table by pointers, for inner loops.
    struct Cells {
        fileprivate let first: Float
        fileprivate let width: Float
        fileprivate let indices: UnsafePointer<UInt8>
        fileprivate let levels: UnsafePointer<Float>

        @inline(__always)
        private func cell(_ value: Float) -> Int {
            let doubled = (value - first) * 2
            let raised = doubled > 0 ? doubled : 0  // NaN becomes 0 too
            return Int(raised < width ? raised : width)
        }

        /// The index of the nearest level, the upper one of two; 0 for NaN.
        @inline(__always)
        func index(_ value: Float) -> UInt8 { indices[cell(value)] }

        /// The nearest level itself.
        @inline(__always)
        func level(_ value: Float) -> Float { levels[cell(value)] }
    }

    @inline(__always)
    func withCells<R>(_ body: (Cells) -> R) -> R {
        indices.withUnsafeBufferPointer { indices in
            levels.withUnsafeBufferPointer { levels in
                // Neither is empty.
                body(Cells(first: first, width: (last - first) * 2, indices: indices.baseAddress!, levels: levels.baseAddress!))
            }
        }
    }
}
