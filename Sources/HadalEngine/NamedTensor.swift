import HadalCore
package import HadalFormats

/// A float32 result with a name.
public struct NamedTensor: Sendable {
    public var name: String
    /// Row-major.
    public var shape: [Int]
    public var values: [Float]

    package init(name: String, shape: [Int], values: [Float]) {
        self.name = name
        self.shape = shape
        self.values = values
    }

    /// What a node's output is called among the results of `Engine.evaluate`: labels need not be unique.
    package static func name(node: Int, output: Int) -> String { "node.\(node).\(output)" }

    /// The tensor as the file writers take it.
    package var source: TensorSource { TensorSource(name: name, dtype: .f32, shape: shape, values: values) }
}
