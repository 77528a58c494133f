/// The block scales of a float8 weight, in memory of their own.
///
/// Thread safety: immutable.
package final class WeightScales: Sendable {
    package let shape: BlockScaleShape
    private let storage: OwnedBytes

    init(_ factors: [Float], _ shape: BlockScaleShape) {
        self.shape = shape
        storage = OwnedBytes(count: factors.count * 4)
        factors.withUnsafeBytes { storage.mutable.copyMemory(from: $0) }
    }

    /// `shape.rows * shape.columns` of them; valid while this object lives.
    package var values: UnsafeBufferPointer<Float> { storage.bytes.assumingMemoryBound(to: Float.self) }

    /// Multiplies decoded matrices, one after the other, by their scales.
    func multiply(_ floats: UnsafeMutableBufferPointer<Float>, rows: Int, columns: Int) {
        guard rows > 0, columns > 0, let base = floats.baseAddress else { return }
        for row in 0..<floats.count / columns { multiply(base + row * columns, row: row, of: rows, columns: columns) }
    }

    /// Multiplies one row, counted over all matrices of `rows` rows, by its scales.
    func multiply(_ floats: UnsafeMutablePointer<Float>, row: Int, of rows: Int, columns: Int) {
        let scaleRows = (rows - 1) / shape.rowBlock + 1
        let factors = values
        let first = (row / rows * scaleRows + row % rows / shape.rowBlock) * shape.columns
        for j in 0..<columns { floats[j] *= factors[first + j / shape.columnBlock] }
    }
}
