package import HadalCore
package import HadalGraph

/// One concrete case of an op: extents, attributes, element types, the operands that are there, and the step.
package struct ConformancePoint: Sendable {
    /// "linear/2.17": contract case 2, combination 17. With the seed, all that is needed to replay it.
    package var id: String
    package var op: String
    package var dims: [String: Int]
    package var attributes: [String: Attribute]
    package var dtypes: [String: DType]
    package var present: [String]
    /// (tokens already cached, new tokens) for each sequence, for ops with state.
    package var step: [(past: Int, new: Int)]

    package init(
        id: String, op: String, dims: [String: Int], attributes: [String: Attribute], dtypes: [String: DType], present: [String],
        step: [(past: Int, new: Int)]
    ) {
        self.id = id
        self.op = op
        self.dims = dims
        self.attributes = attributes
        self.dtypes = dtypes
        self.present = present
        self.step = step
    }

    /// One line for a person: `N=5 D=64; eps=1e-05; weight f32`.
    package var summary: String {
        var parts: [String] = []
        if !dims.isEmpty { parts.append(dims.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")) }
        if !step.isEmpty { parts.append("step " + step.map { "\($0.past)+\($0.new)" }.joined(separator: ",")) }
        if !attributes.isEmpty {
            parts.append(attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.expressionValue)" }.joined(separator: " "))
        }
        if !dtypes.isEmpty { parts.append(dtypes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.name)" }.joined(separator: " ")) }
        if !present.isEmpty { parts.append("with " + present.joined(separator: " ")) }
        return parts.joined(separator: "; ")
    }
}
