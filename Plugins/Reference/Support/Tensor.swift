import HadalCore

/// Where an activation lies in the step that is running, and its extents. Row-major, contiguous.
struct Tensor {
    let dtype: DType
    var base: UnsafeMutableRawPointer?
    /// All dims but the last, multiplied.
    private(set) var rows = 0
    /// The last dim.
    private(set) var width = 0
    /// Bytes that the elements take.
    private(set) var bytes = 0

    init(unboundOf dtype: DType) { self.dtype = dtype }

    mutating func setShape(_ dims: [Int]) {
        width = dims.last ?? 1
        rows = dims.dropLast().reduce(1, *)
        bytes = rows * width * dtype.blockBytes
    }
}

/// A matrix of floats: `count` rows of `width`.
///
/// Sendable because ops hand disjoint rows to worker threads and wait for them.
struct Rows: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    let width: Int
    subscript(row: Int) -> UnsafeMutablePointer<Float> { base + row * width }
}

/// A matrix of 32-bit integers: `count` rows of `width`.
struct IntegerRows: @unchecked Sendable {
    let base: UnsafeMutablePointer<Int32>
    let count: Int
    let width: Int
    subscript(row: Int) -> UnsafeMutablePointer<Int32> { base + row * width }
}
