package import HadalCore

/// Where a tensor lies and what it is; none of its data.
package struct TensorInfo: Sendable, Equatable {
    package let name: String
    package let dtype: DType
    /// Row-major, the contiguous dimension last: a matrix is `[rows, columns]`. Empty for a scalar.
    package let shape: [Int]
    /// The file that holds it.
    package let file: String
    /// Which of `ModelFiles.sources` that file is.
    package let shard: Int
    /// Absolute byte offsets within the file, checked against its size.
    package let range: Range<Int>

    package init(name: String, dtype: DType, shape: [Int], file: String, shard: Int, range: Range<Int>) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.file = file
        self.shard = shard
        self.range = range
    }

    package var byteCount: Int { range.count }

    /// The product of the shape; readers have checked that it does not overflow.
    package var elementCount: Int { shape.reduce(1) { $0 &* $1 } }

    package var place: SourcePlace { SourcePlace(file, .field(name)) }

    /// Product of dimensions, or nil if it overflows or a dimension is negative.
    static func elementCount(of shape: [Int]) -> Int? {
        var product = 1
        for dimension in shape {
            guard dimension >= 0 else { return nil }
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            guard !overflow else { return nil }
            product = next
        }
        return product
    }

    func renamed(_ name: String) -> TensorInfo {
        TensorInfo(name: name, dtype: dtype, shape: shape, file: file, shard: shard, range: range)
    }

    /// The same tensor in another place of the list of files.
    func inShard(_ shard: Int) -> TensorInfo {
        TensorInfo(name: name, dtype: dtype, shape: shape, file: file, shard: shard, range: range)
    }
}
