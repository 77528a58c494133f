import HadalCore
import HadalGraph

/// Runs one case on a device and on the reference, and compares all that they left behind.
struct CaseCheck {
    enum Result {
        case passed
        case unsupported(String)
        case failed([ConformanceReport.Failure])
    }

    let catalogue: OpCatalogue
    let contract: OpContract
    let point: ConformancePoint
    let device: any Device
    let reference: any Device
    let capabilities: BackendCapabilities
    let seed: UInt64

    /// Outputs that errors are averaged over where only their average is bounded.
    private static let enoughOutputs = 96

    func run() throws -> Result {
        if point.step.count > 1, !capabilities.contains(.multiSequence) { return .unsupported("one sequence a step") }
        var random = SplitMix64(seed: seed, label: point.id)
        let builder = TrialBuilder(
            catalogue: catalogue, contract: contract, point: point, stateDType: contract.states.isEmpty ? .f32 : [.f32, .f16, .bf16][random.below(3)],
            pageTokens: [64, 16, 5][random.below(3)], manySequences: capabilities.contains(.multiSequence),
            blockScales: capabilities.contains(.blockScales))
        var comparisons: [ConformanceComparison] = []
        var drawn = 0
        var isFirst = true
        while isFirst || drawn < Self.enoughOutputs {
            let trial = try builder.build(&random)
            if isFirst, let reason = device.unsupported(node: 0, of: trial.segment) { return .unsupported(reason) }
            if let reason = reference.unsupported(node: 0, of: trial.segment) { return .unsupported("no reference: \(reason)") }
            let expected = try trial.run(on: reference)
            let outcome: ConformanceTrial.Outcome
            do {
                let executable = try device.compile(trial.segment)
                outcome = try trial.run(executable, on: device, trace: capabilities.contains(.trace))
                if isFirst, let failure = try secondRuns(trial, executable, outcome) { return .failed([failure]) }
            } catch {
                return .failed([failure(.error, "\(error)")])
            }
            let failures = compare(trial, expected, outcome, &comparisons)
            if !failures.isEmpty { return .failed(failures) }
            guard isAveraged(trial) else { return .passed }
            drawn += expected.outputs.reduce(0) { $0 + $1.count / 4 }
            isFirst = false
            if expected.outputs.allSatisfy(\.isEmpty) { break }
        }
        for (index, comparison) in comparisons.enumerated() {
            if let difference = comparison.conclusion(contract.tolerance) {
                let name = index < contract.outputs.count ? contract.outputs[index].name : "output \(index)"
                return .failed([failure(.mismatch, "beyond \(difference.bound)", name, [], [difference.index], difference.expected, difference.got)])
            }
        }
        return .passed
    }

    /// Whether only an average over the outputs is bounded: a backend may quantise activations where weights are quantised.
    private func isAveraged(_ trial: ConformanceTrial) -> Bool {
        contract.tolerance.quantised > 0 && trial.segment.graph.weights.contains { $0.dtype.isQuantised || $0.dtype == .f8_e4m3 }
    }

    /// The same step again, then one without tokens, of the same executable.
    private func secondRuns(
        _ trial: ConformanceTrial, _ executable: any Executable, _ first: ConformanceTrial.Outcome
    ) throws -> ConformanceReport.Failure? {
        if capabilities.contains(.trace), first.traced.contains(where: { $0 != 0 }) || first.traced.isEmpty {
            return failure(.trace, "reported nodes \(first.traced) of a segment of one")
        }
        let again = try trial.run(executable, on: device)
        if again.outputs != first.outputs || again.states != first.states {
            return failure(.unrepeatable, "the same step of the same executable gave different bits the second time")
        }
        let empty = trial.emptied()
        do {
            let outcome = try empty.run(executable, on: device)
            if !outcome.overwritten.isEmpty || outcome.states != empty.states {
                return failure(.empty, "a step without tokens wrote to \(outcome.overwritten.first ?? "a state")")
            }
        } catch {
            return failure(.empty, "a step without tokens failed: \(error)")
        }
        return nil
    }

    private func compare(
        _ trial: ConformanceTrial, _ expected: ConformanceTrial.Outcome, _ got: ConformanceTrial.Outcome,
        _ comparisons: inout [ConformanceComparison]
    ) -> [ConformanceReport.Failure] {
        var failures = got.overwritten.map { failure(.overwritten, "wrote to \($0)") }
        let graph = trial.segment.graph
        let averaged = isAveraged(trial)
        let numbers = zip(trial.numbers(expected), trial.numbers(got))
        for (index, (wanted, had)) in numbers.enumerated() {
            if comparisons.count <= index { comparisons.append(ConformanceComparison()) }
            let value = graph.values[graph.outputs[index]]
            // Integers must be equal.
            let (absolute, relative) = value.dtype == .f32 ? (contract.tolerance.absolute, contract.tolerance.relative) : (0, 0)
            let difference =
                averaged && value.dtype == .f32
                ? comparisons[index].add(expected: wanted, got: had, contract.tolerance)
                : ConformanceComparison.elementwise(expected: wanted, got: had, absolute: absolute, relative: relative)
            if let difference {
                let shape = value.dims.map { trial.extent($0) }
                failures.append(
                    failure(
                        .mismatch, "beyond \(difference.bound)", "output '\(value.name)' \(value.dtype.name)", shape,
                        Self.position(difference.index, shape), difference.expected, difference.got))
            }
        }
        for (index, state) in graph.states.enumerated() {
            let dtype = trial.segment.stateDType
            let (wanted, had) = (expected.states[index], got.states[index])
            guard wanted != had else { continue }
            // Rounding to 16 bits may differ by one unit; a 32-bit cache holds the very numbers that came in.
            let unit = dtype == .f32 ? 0 : (dtype == .f16 ? 0x1p-10 : 0x1p-7)
            let (a, b) = (PlainElement.decode(dtype, wanted), PlainElement.decode(dtype, had))
            if let difference = ConformanceComparison.elementwise(expected: a, got: b, absolute: unit * 0x1p-14, relative: unit) {
                let shape = [a.count / max(state.heads * trial.segment.pageTokens * state.width, 1), state.heads, trial.segment.pageTokens, state.width]
                failures.append(
                    failure(
                        .state, "state after the step, [page, head, token, width]: beyond \(difference.bound)", "state '\(state.name)' \(dtype.name)",
                        shape, Self.position(difference.index, shape), difference.expected, difference.got))
            }
        }
        return failures
    }

    private static func position(_ index: Int, _ shape: [Int]) -> [Int] {
        var rest = index
        var position: [Int] = []
        for extent in shape.reversed() {
            position.append(rest % max(extent, 1))
            rest /= max(extent, 1)
        }
        return position.reversed()
    }

    private func failure(
        _ kind: ConformanceReport.Failure.Kind, _ message: String, _ operand: String = "", _ shape: [Int] = [], _ index: [Int] = [],
        _ expected: Double? = nil, _ got: Double? = nil
    ) -> ConformanceReport.Failure {
        .init(
            kind: kind, id: point.id, summary: point.summary, message: message, operand: operand, shape: shape, index: index,
            expected: expected, got: got)
    }
}
