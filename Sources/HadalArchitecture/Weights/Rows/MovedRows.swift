import HadalCore
import HadalFormats

/// Indices of an axis other than the last.
struct PickedRows: RowNode {
    let inner: any RowNode
    let axis: Int
    let indices: [Int]
    let dims: [Int]

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        let below = dims[(axis + 1)..<(dims.count - 1)].reduce(1, &*)
        let along = inner.dims[axis]
        func source(_ row: Int) -> Int {
            let (block, rest) = (row / below / indices.count, row % below)
            return (block * along + indices[row / below % indices.count]) * below + rest
        }
        var row = rows.lowerBound
        while row < rows.upperBound {
            let from = source(row)
            var run = 1
            while row + run < rows.upperBound, source(row + run) == from + run { run += 1 }
            try inner.read(from..<from + run, into: out + (row - rows.lowerBound) * columns)
            row += run
        }
    }
}

/// Indices of the last axis.
struct PickedColumns: RowNode {
    let inner: any RowNode
    let indices: [Int]
    let dims: [Int]

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        let width = inner.columns
        try withFloats(rows.count * width) { whole in
            try inner.read(rows, into: whole)
            for row in 0..<rows.count {
                for (j, index) in indices.enumerated() { out[row * columns + j] = whole[row * width + index] }
            }
        }
    }
}

/// Parts behind each other on an axis other than the last.
struct JoinedRows: RowNode {
    let parts: [any RowNode]
    let axis: Int
    let dims: [Int]
    /// Rows of each part, and of all parts, for one index of the axes before `axis`.
    private let heights: [Int]
    private let height: Int

    init(parts: [any RowNode], axis: Int, dims: [Int]) {
        self.parts = parts
        self.axis = axis
        self.dims = dims
        heights = parts.map { $0.dims[axis..<($0.dims.count - 1)].reduce(1, &*) }
        height = heights.reduce(0, +)
    }

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let block = row / height
            var (number, inside) = (0, row % height)
            while inside >= heights[number] {
                inside -= heights[number]
                number += 1
            }
            let count = min(heights[number] - inside, rows.upperBound - row)
            let from = block * heights[number] + inside
            try parts[number].read(from..<from + count, into: out + (row - rows.lowerBound) * columns)
            row += count
        }
    }
}

/// Parts side by side.
struct JoinedColumns: RowNode {
    let parts: [any RowNode]
    let dims: [Int]

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        var at = 0
        for part in parts {
            let width = part.columns
            try withFloats(rows.count * width) { some in
                try part.read(rows, into: some)
                for row in 0..<rows.count { (out + row * columns + at).update(from: some + row * width, count: width) }
            }
            at += width
        }
    }
}

/// The same rows under other extents.
struct RelabelledRows: RowNode {
    let inner: any RowNode
    let dims: [Int]

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws { try inner.read(rows, into: out) }
}

/// The same numbers in rows of another length.
struct ReshapedRows: RowNode {
    let inner: any RowNode
    let dims: [Int]

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        let width = inner.columns
        let elements = rows.lowerBound * columns..<rows.upperBound * columns
        guard !elements.isEmpty, width > 0 else { return }
        let covering = elements.lowerBound / width..<(elements.upperBound - 1) / width + 1
        try withFloats(covering.count * width) { some in
            try inner.read(covering, into: some)
            out.update(from: some + (elements.lowerBound - covering.lowerBound * width), count: elements.count)
        }
    }
}

/// multiply * x + add.
struct AffineRows: RowNode {
    let inner: any RowNode
    let multiply: Float
    let add: Float
    var dims: [Int] { inner.dims }

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        try inner.read(rows, into: out)
        for i in 0..<rows.count * columns { out[i] = out[i] * multiply + add }
    }
}

/// Float8 blocks times their scales.
struct ScaledRows: RowNode {
    let inner: any RowNode
    let scales: WeightScales
    var dims: [Int] { inner.dims }

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        try inner.read(rows, into: out)
        let matrix = dims.count > 1 ? dims[dims.count - 2] : 1
        for (i, row) in rows.enumerated() { scales.multiply(out + i * columns, row: row, of: matrix, columns: columns) }
    }
}

/// Scratch memory for as long as `body` runs.
func withFloats(_ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> Void) throws {
    let memory = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
    defer { memory.deallocate() }
    try body(memory)
}
