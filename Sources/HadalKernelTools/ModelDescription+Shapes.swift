import HadalArchitecture
import HadalBackend
package import HadalConformance
import HadalCore
package import HadalEngine
package import HadalGraph

extension ModelDescription {
    /// The shapes at which the model uses an op: of one new token, and of a prompt's step.
    ///
    /// - Parameter promptTokens: new tokens of the prompt's step.
    package func shapes(of contract: OpContract, promptTokens: Int = 512) throws -> [ConformancePoint] {
        let graph = self.graph.main
        var found: [ConformancePoint] = []
        for node in graph.nodes where node.op == contract.name {
            let operands = node.inputs.map { operand -> ShapeRule.Operand? in
                switch operand {
                case .none: return nil
                case .value(let v):
                    let value = graph.values[v]
                    return .init(kind: .value, dtype: value.dtype, dims: value.dims, name: value.name)
                case .weight(let w):
                    let weight = graph.weights[w]
                    return .init(kind: .weight, dtype: weight.dtype, dims: weight.dims.map { .fixed($0) }, name: weight.name)
                }
            }
            let result = try ShapeRule.apply(contract, operands: operands, attributes: node.attributes)
            for tokens in [1, promptTokens] {
                var point = ConformancePoint(
                    id: "\(contract.name)/model\(found.count)", op: contract.name, dims: [:], attributes: node.attributes, dtypes: [:],
                    present: [],
                    step: contract.states.isEmpty ? [] : [tokens == 1 ? (promptTokens, 1) : (0, tokens)])
                for (name, dim) in result.extents {
                    switch dim {
                    case .fixed(let n): point.dims[name] = n
                    case .symbol(.tokens): if point.step.isEmpty { point.dims[name] = tokens }
                    case .symbol: point.dims[name] = 1
                    }
                }
                for (input, operand) in zip(contract.inputs, operands) {
                    guard let operand else { continue }
                    if operand.kind == .weight { point.dtypes[input.name] = operand.dtype }
                    if input.optional { point.present.append(input.name) }
                }
                if !found.contains(where: { $0.summary == point.summary }) { found.append(point) }
            }
        }
        return found
    }
}
