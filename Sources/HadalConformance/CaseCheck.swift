import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// Runs one case on a device and on the reference, and compares all that they left behind.
struct CaseCheck {
    enum Result {
        case passed
        case unsupported(String)
        case failed([ConformanceReport.Failure])
    }

    let contract: OpContract
    /// What failures are called.
    let id: String
    let summary: String
    let device: any Device
    let reference: any Device
    let capabilities: BackendCapabilities

    /// Outputs that errors are averaged over where only their average is bounded.
    private static let enoughOutputs = 96

    /// Draws and runs a case of the contract.
    ///
    /// - Parameter stateDType: element type of caches; nil, and where the op does not take it: one is drawn.
    func run(_ point: ConformancePoint, catalogue: OpCatalogue, seed: UInt64, stateDType: DType? = nil) throws -> Result {
        if point.step.count > 1, !capabilities.contains(.multiSequence) { return .unsupported("one sequence a step") }
        var random = SplitMix64(seed: seed, label: point.id)
        let stateTypes = contract.stateTypes.filter { $0 == stateDType ?? $0 }
        let builder = TrialBuilder(
            catalogue: catalogue, contract: contract, point: point,
            stateDType: contract.states.isEmpty || stateTypes.isEmpty ? .f32 : stateTypes[random.below(stateTypes.count)],
            pageTokens: [64, 16, 5][random.below(3)], manySequences: capabilities.contains(.multiSequence),
            blockScales: capabilities.contains(.blockScales))
        var drawn = 0
        return try run {
            if drawn >= Self.enoughOutputs { return nil }
            let trial = try builder.build(&random)
            let count = trial.segment.graph.outputs.reduce(0) { $0 + trial.bytes(of: trial.segment.graph.values[$1]) / 4 }
            drawn += count == 0 ? Self.enoughOutputs : count
            return trial
        }
    }

    /// Runs trials one after the other until there are no more, or one fails; further ones only where an average over them is bounded.
    func run(_ next: () throws -> ConformanceTrial?) throws -> Result {
        var comparisons: [ConformanceComparison] = []
        var last: ConformanceTrial?
        while let trial = try next() {
            let isFirst = last == nil
            last = trial
            if isFirst, let reason = device.unsupported(node: 0, of: trial.segment) { return .unsupported(reason) }
            if let reason = reference.unsupported(node: 0, of: trial.segment) { return .unsupported("no reference: \(reason)") }
            let expected = try trial.run(on: reference)
            let outcome: ConformanceTrial.Outcome
            do {
                let executable = try device.compile(trial.segment)
                outcome = try trial.run(executable, on: device, trace: capabilities.contains(.trace))
                if isFirst, let failure = try secondRuns(trial, executable, outcome) { return .failed([failure]) }
            } catch {
                return .failed([failure(.error, "\(error)", trial)])
            }
            let failures = compare(trial, expected, outcome, &comparisons)
            if !failures.isEmpty { return .failed(failures) }
            guard isAveraged(trial) else { return .passed }
        }
        guard let last else { throw HadalError(.invalidArgument, "\(id): there is nothing to run") }
        for (index, comparison) in comparisons.enumerated() {
            guard let difference = comparison.conclusion(contract.tolerance) else { continue }
            return .failed([mismatch(difference, value: last.segment.graph.outputs[index], shape: difference.shape, last)])
        }
        return .passed
    }

    /// Whether only an average over the outputs is bounded: a backend may quantise activations where weights are quantised.
    private func isAveraged(_ trial: ConformanceTrial) -> Bool {
        contract.tolerance.quantised > 0 && trial.segment.graph.weights.contains { $0.dtype.isQuantised || $0.dtype == .f8_e4m3 }
    }

    /// The same step again, with other bytes where nothing may be read, then one without tokens, of the same executable.
    private func secondRuns(
        _ trial: ConformanceTrial, _ executable: any Executable, _ first: ConformanceTrial.Outcome
    ) throws -> ConformanceReport.Failure? {
        if capabilities.contains(.trace), first.traced.contains(where: { $0 != 0 }) || first.traced.isEmpty {
            return failure(.trace, "reported nodes \(first.traced) of a segment of one", trial)
        }
        // What was written outside is reported as that, whatever it does to the second run.
        guard first.overwritten.isEmpty else { return nil }
        let other = trial.surrounded(by: .second)
        let again = try other.run(executable, on: device, .second)
        // What is read beyond an operand and written as far beyond another leaves the first run's guards as they were.
        if let what = again.overwritten.first { return failure(.overwritten, "wrote to \(what)", trial) }
        if let failure = repetition(trial, first, again) {
            // The same bits for the same surroundings: the surroundings are what it is.
            let repeated = try (trial.run(executable, on: device), other.run(executable, on: device, .second))
            let isOutside =
                repetition(trial, first, repeated.0) == nil && again.outputs == repeated.1.outputs && again.states == repeated.1.states
            return isOutside ? outside(failure, "its operands, or an output or cache row before it is written") : failure
        }
        // Weights that are copied or packed are read when the segment is compiled, and the copies have surroundings of their own.
        if !trial.guardedWeights.isEmpty, try device.allocate(bytes: 1) == nil {
            trial.fillWeightGuards(.second)
            defer { trial.fillWeightGuards(.first) }
            let packed = try trial.run(device.compile(trial.segment), on: device)
            if let failure = repetition(trial, first, packed) { return outside(failure, "a weight") }
        }
        let empty = trial.emptied()
        do {
            let outcome = try empty.run(executable, on: device)
            if !outcome.overwritten.isEmpty || outcome.states != empty.states {
                return failure(.empty, "a step without tokens wrote to \(outcome.overwritten.first ?? "a state")", trial)
            }
        } catch {
            return failure(.empty, "a step without tokens failed: \(error)", trial)
        }
        return nil
    }

    /// A failure of repetition that is one of reading.
    private func outside(_ failure: ConformanceReport.Failure, _ what: String) -> ConformanceReport.Failure {
        var failure = failure
        failure.kind = .outside
        failure.message = failure.message.replacing(
            Self.unrepeatable, with: "reads outside of \(what): other bytes there gave other results")
        return failure
    }

    private static let unrepeatable = "the same step of the same executable gave different bits the second time"

    /// What differs between two runs of one executable.
    private func repetition(
        _ trial: ConformanceTrial, _ first: ConformanceTrial.Outcome, _ again: ConformanceTrial.Outcome
    ) -> ConformanceReport.Failure? {
        let message = Self.unrepeatable
        let graph = trial.segment.graph
        for (index, (a, b)) in zip(first.outputs, again.outputs).enumerated() where a != b {
            let value = graph.values[graph.outputs[index]]
            let size = value.dtype.blockBytes
            // What was never written holds what the memory held: the comparison with the reference tells that better.
            guard let byte = a.indices.first(where: { a[$0] != b[$0] && !Self.isUnwritten(a, b, element: $0 / size, size) }) else {
                continue
            }
            let element = byte / size
            let (x, y) = (PlainElement.decode(value.dtype, a)[element], PlainElement.decode(value.dtype, b)[element])
            let shape = value.dims.map { trial.extent($0) }
            var failure = failure(.unrepeatable, "\(message): \(x), then \(y)", trial)
            failure.operand = "output '\(value.name)' \(value.dtype.name)"
            failure.shape = shape
            failure.index = Self.position(element, shape)
            return failure
        }
        // Bytes that hold no token are those of the run, unless the op wrote there.
        let (before, other) = (trial.states, trial.surrounded(by: .second).states)
        for (index, (a, b)) in zip(first.states, again.states).enumerated() where a != b {
            guard a.indices.contains(where: { a[$0] != b[$0] && !(a[$0] == before[index][$0] && b[$0] == other[index][$0]) }) else {
                continue
            }
            return failure(.unrepeatable, "\(message) in a state", trial)
        }
        return nil
    }

    /// Whether an element of an output holds in both runs what was there before.
    private static func isUnwritten(_ first: [UInt8], _ again: [UInt8], element: Int, _ size: Int) -> Bool {
        let bytes = element * size..<(element + 1) * size
        return bytes.allSatisfy { first[$0] == Surroundings.first.unwrittenByte && again[$0] == Surroundings.second.unwrittenByte }
    }

    private func compare(
        _ trial: ConformanceTrial, _ expected: ConformanceTrial.Outcome, _ got: ConformanceTrial.Outcome,
        _ comparisons: inout [ConformanceComparison]
    ) -> [ConformanceReport.Failure] {
        var failures = got.overwritten.map { failure(.overwritten, "wrote to \($0)", trial) }
        let graph = trial.segment.graph
        let averaged = isAveraged(trial)
        let numbers = zip(trial.numbers(expected), trial.numbers(got))
        for (index, (wanted, had)) in numbers.enumerated() {
            if comparisons.count <= index { comparisons.append(ConformanceComparison()) }
            let value = graph.values[graph.outputs[index]]
            let shape = value.dims.map { trial.extent($0) }
            // Integers must be equal.
            let (absolute, relative) = value.dtype == .f32 ? (contract.tolerance.absolute, contract.tolerance.relative) : (0, 0)
            let difference =
                averaged && value.dtype == .f32
                ? comparisons[index].add(expected: wanted, got: had, shape: shape)
                : ConformanceComparison.elementwise(expected: wanted, got: had, absolute: absolute, relative: relative)
            if let difference { failures.append(mismatch(difference, value: graph.outputs[index], shape: shape, trial)) }
        }
        for (index, state) in graph.states.enumerated() {
            let dtype = trial.segment.dtype(of: state)
            let (wanted, had) = (expected.states[index], got.states[index])
            guard wanted != had else { continue }
            guard let layout = StateRow(dtype, width: state.width) else { continue }
            let (a, b) = (StateNumbers(wanted, layout), StateNumbers(had, layout))
            let tolerance = state.isFixed ? contract.tolerance : nil
            guard let difference = a.difference(b, within: tolerance) else { continue }
            let rows = trial.segment.rowsPerPage(of: state)
            let shape = [had.count / max(trial.segment.pageBytes(of: state), 1), state.heads, rows, state.width]
            let axes = state.isFixed ? "[slot, head, row, width]" : "[page, head, token, width]"
            var failure = failure(.state, "state after the step, \(axes): beyond \(difference.bound)", trial)
            failure.operand = "state '\(state.name)' \(dtype.name)"
            failure.show(difference, shape)
            failures.append(failure)
        }
        return failures
    }

    private func mismatch(
        _ difference: ConformanceComparison.Difference, value index: Int, shape: [Int], _ trial: ConformanceTrial
    ) -> ConformanceReport.Failure {
        let value = trial.segment.graph.values[index]
        var failure = failure(.mismatch, "beyond \(difference.bound)", trial)
        failure.operand = "output '\(value.name)' \(value.dtype.name)"
        failure.show(difference, shape)
        return failure
    }

    static func position(_ index: Int, _ shape: [Int]) -> [Int] {
        var rest = index
        var position: [Int] = []
        for extent in shape.reversed() {
            position.append(rest % max(extent, 1))
            rest /= max(extent, 1)
        }
        return position.reversed()
    }

    private func failure(_ kind: ConformanceReport.Failure.Kind, _ message: String, _ trial: ConformanceTrial) -> ConformanceReport.Failure
    {
        var failure = ConformanceReport.Failure(kind: kind, id: id, summary: summary, message: message)
        failure.operands = trial.operandText
        return failure
    }
}

extension ConformanceReport.Failure {
    /// Fills in the worst element.
    fileprivate mutating func show(_ difference: ConformanceComparison.Difference, _ shape: [Int]) {
        self.shape = shape
        index = CaseCheck.position(difference.index, shape)
        expected = difference.expected
        got = difference.got
        wrong = difference.wrong
    }
}
