import HadalBackend
import HadalCore
import HadalGraph

/// How much a step of one node has to move and to compute, as its contract counts it.
struct KernelWork {
    var bytes = 0.0
    var operations: Double?

    init(_ contract: OpContract, _ point: ConformancePoint, _ trial: ConformanceTrial, _ builder: TrialBuilder) throws {
        let cached = trial.sequences.reduce(0) { $0 + $1.past + $1.count }
        let pairs = trial.sequences.reduce(0) { $0 + $1.count * $1.past + $1.count * ($1.count + 1) / 2 }
        func evaluate(_ expression: Expression) throws -> Double {
            let value = try expression.evaluate { name in
                if let extent = point.dims[name] { return .int(extent) }
                if let attribute = point.attributes[name] { return attribute.expressionValue }
                switch name {
                case "tokens", builder.tokenName: return .int(trial.tokens)
                case "cached": return .int(cached)
                case "pairs": return .int(pairs)
                default: return nil
                }
            }
            guard let number = value.double, number.isFinite, number >= 0 else {
                throw HadalError(
                    .mismatch, "bench: \(expression.text) is \(value), not a number of elements or operations",
                    at: SourcePlace("\(contract.folder)/op.json"))
            }
            return number
        }
        operations = try contract.bench.operations.map(evaluate)
        let graph = trial.segment.graph
        /// Bytes that are read of an operand; variadic ones have a number after their name.
        func read(_ name: String, bytesPerElement: Double, elements: Int) throws -> Double {
            let declared = contract.bench.reads.first { $0.name == name || name.hasPrefix("\($0.name).") }
            let count = try declared.map { min(try evaluate($0.elements), Double(elements)) } ?? Double(elements)
            return count * bytesPerElement
        }
        func read(_ name: String, _ dtype: DType, elements: Int) throws -> Double {
            try read(name, bytesPerElement: Double(dtype.blockBytes) / Double(dtype.blockElements), elements: elements)
        }
        for index in graph.inputs {
            let value = graph.values[index]
            bytes += try read(value.name, value.dtype, elements: value.dims.reduce(1) { $0 * trial.extent($1) })
        }
        for weight in graph.weights { bytes += try read(weight.name, weight.dtype, elements: weight.elements) }
        for index in graph.outputs { bytes += Double(trial.bytes(of: graph.values[index])) }
        for state in graph.states {
            if state.isFixed {
                bytes += Double(2 * trial.segment.pageBytes(of: state) * trial.sequences.count)
                continue
            }
            let width = state.heads * state.width
            let perToken = Double(trial.segment.rowBytes(of: state) * state.heads)
            bytes += try read(state.name, bytesPerElement: perToken / Double(width), elements: cached * width)
            bytes += Double(trial.tokens) * perToken
        }
    }
}
