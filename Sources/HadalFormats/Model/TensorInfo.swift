import HadalCore

/// Where a tensor lies and what it is; none of its data.
public struct TensorInfo: Sendable, Equatable {
    public let name: String
    public let dtype: DType
    /// Row-major, the contiguous dimension last: a matrix is `[rows, columns]`. Empty for a scalar.
    public let shape: [Int]
    /// The file that holds it.
    public let file: String
    /// Which of `ModelFiles.sources` that file is.
    public let shard: Int
    /// Absolute byte offsets within the file, checked against its size.
    public let range: Range<Int>

    public init(name: String, dtype: DType, shape: [Int], file: String, shard: Int, range: Range<Int>) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.file = file
        self.shard = shard
        self.range = range
    }

    public var byteCount: Int { range.count }

    /// The product of the shape; readers have checked that it does not overflow.
    public var elementCount: Int { shape.reduce(1) { $0 &* $1 } }

    public var place: SourcePlace { SourcePlace(file, .field(name)) }

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

    /// The same tensor in another place of the list of files.
    func inShard(_ shard: Int) -> TensorInfo {
        TensorInfo(name: name, dtype: dtype, shape: shape, file: file, shard: shard, range: range)
    }
}
