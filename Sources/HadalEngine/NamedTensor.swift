import HadalFormats

/// A float32 result with a name.
public struct NamedTensor: Sendable {
    public var name: String
    /// Row-major.
    public var shape: [Int]
    public var values: [Float]

    public init(name: String, shape: [Int], values: [Float]) {
        self.name = name
        self.shape = shape
        self.values = values
    }

    /// The tensor as the file writers take it.
    public var source: TensorSource { TensorSource(name: name, dtype: .f32, shape: shape, values: values) }
}
