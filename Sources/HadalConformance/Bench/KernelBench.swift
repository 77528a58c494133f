package import HadalBackend
package import HadalCore
package import HadalGraph

/// Times ops on a device, one node at a time.
package struct KernelBench {
    package struct Options: Sendable {
        /// How long a shape is timed, about; large ops run at least three times.
        package var seconds = 0.5
        /// Weights are used in turn in as many copies as make up so many bytes, so that no run finds the last one's in a cache; 0: one copy.
        package var coldBytes = 0
        /// Most bytes of all copies.
        package var mostBytes = 1 << 30
        package var seed: UInt64 = 1
        /// Element type of caches.
        package var stateDType = DType.f32
        package init() {}
    }

    /// Weights of fewer bytes are no part of what a run reads from memory.
    private static let leastCopied = 1 << 16
    /// Seconds until which a shape is run again, so that there are three runs, however short a time is asked for.
    private static let leastPatience = 0.5

    let catalogue: OpCatalogue
    let device: any Device
    let capabilities: BackendCapabilities
    package var options: Options

    package init(catalogue: OpCatalogue, device: any Device, capabilities: BackendCapabilities, options: Options = .init()) {
        self.catalogue = catalogue
        self.device = device
        self.capabilities = capabilities
        self.options = options
    }

    /// The shapes to time: those of the contract's bench with the user's wishes applied, or its largest case where it has no bench.
    ///
    /// - Throws: `invalidArgument` when no shape that is legal remains, with the reason.
    package func points(_ contract: OpContract, _ shape: KernelShape = .init()) throws -> [ConformancePoint] {
        var found: [ConformancePoint] = []
        var refused: HadalError?
        for base in try bases(contract) {
            let point = try shape.applied(to: base, of: contract)
            do {
                let graph = try builder(point, contract).bareSegment().graph
                if let weight = graph.weights.first(where: { ($0.dims.last ?? 1) % $0.dtype.blockElements != 0 }) {
                    throw HadalError(
                        .invalidArgument, "rows of \(weight.dims.last ?? 1) elements are not whole blocks of \(weight.dtype.name)")
                }
                if !found.contains(where: { $0.summary == point.summary }) { found.append(point) }
            } catch let error as HadalError { refused = error }
        }
        guard !found.isEmpty else {
            throw HadalError(
                .invalidArgument, "there is no such shape of '\(contract.name)': \(refused?.message ?? "its contract has no cases")")
        }
        return found
    }

    private func bases(_ contract: OpContract) throws -> [ConformancePoint] {
        var random = SplitMix64(seed: 1)
        func isLegal(_ point: ConformancePoint) -> Bool { TrialBuilder.isLegal(point, contract, catalogue) }
        if !contract.bench.shapes.isEmpty {
            return try contract.bench.shapes.indices.flatMap { try ConformanceSpace(contract, bench: $0).all(&random) { _ in true } }
        }
        var largest: (point: ConformancePoint, elements: Int)?
        for index in contract.cases.indices {
            for point in try ConformanceSpace(contract, case: index).all(&random, isLegal: isLegal) {
                let elements = point.dims.values.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
                if elements > largest?.elements ?? -1 { largest = (point, elements) }
            }
        }
        return largest.map { [$0.point] } ?? []
    }

    private func builder(_ point: ConformancePoint, _ contract: OpContract) -> TrialBuilder {
        TrialBuilder(
            catalogue: catalogue, contract: contract, point: point, stateDType: options.stateDType, pageTokens: 64,
            manySequences: point.step.count > 1,
            blockScales: capabilities.contains(.blockScales), repeatsData: true)
    }

    /// Times one shape.
    ///
    /// - Throws: `unsupported` with the device's reason, or what the device reports.
    package func measure(_ point: ConformancePoint, _ contract: OpContract) throws -> KernelMeasurement {
        let builder = builder(point, contract)
        let bare = try builder.bareSegment()
        if let reason = device.unsupported(node: 0, of: bare) {
            throw HadalError(.unsupported, "\(device.info.name) does not run \(contract.name) (\(point.summary)): \(reason)")
        }
        var bytes = 0
        for weight in bare.graph.weights {
            let (sum, overflow) = bytes.addingReportingOverflow(weight.bytes)
            guard !overflow, sum <= options.mostBytes else {
                throw HadalError(
                    .limitExceeded, "the weights of \(contract.name) (\(point.summary)) take more than \(options.mostBytes) bytes")
            }
            bytes = sum
        }
        let copies = bytes < Self.leastCopied ? 1 : max(1, min(64, (options.coldBytes + bytes - 1) / bytes, options.mostBytes / bytes))
        var random = SplitMix64(seed: options.seed, label: point.id)
        var bound: [(trial: BoundTrial, executable: any Executable)] = []
        for _ in 0..<copies {
            let trial = try builder.build(&random)
            bound.append((try BoundTrial(trial, on: device), try device.compile(trial.segment)))
        }
        let times = try time(bound)
        let work = try KernelWork(contract, point, bound[0].trial.trial, builder)
        return KernelMeasurement(
            op: contract.name, id: point.id, summary: point.summary, operands: bound[0].trial.trial.operandText,
            microseconds: times.sorted[times.sorted.count / 2] / 1e3, fastest: times.sorted[0] / 1e3, runs: times.sorted.count,
            isTraced: times.isTraced, bytes: work.bytes, operations: work.operations,
            hasQuantisedWeights: bare.graph.weights.contains { $0.dtype.isQuantised }, copies: copies, weightBytes: bytes * copies)
    }

    /// Nanoseconds of each run in ascending order.
    private func time(_ bound: [(trial: BoundTrial, executable: any Executable)]) throws -> (sorted: [Double], isTraced: Bool) {
        let isTracing = capabilities.contains(.trace)
        for (trial, executable) in bound { try trial.execute(executable) }
        let clock = ContinuousClock()
        let begin = clock.now
        var (host, reported): ([Double], [Double]) = ([], [])
        while host.count < 3 || (clock.now - begin < .seconds(options.seconds) && host.count < 100_000) {
            // A kernel that takes seconds is timed once, and one that a busy machine held up is not taken for such a kernel.
            if !host.isEmpty, clock.now - begin > .seconds(max(4 * options.seconds, Self.leastPatience)) { break }
            let (trial, executable) = bound[host.count % bound.count]
            let sink = isTracing ? TraceSink() : nil
            let start = clock.now
            try trial.execute(executable, trace: sink)
            host.append((clock.now - start).seconds * 1e9)
            if let sink { reported.append(sink.events.reduce(0.0) { $0 + Double($1.duration) }) }
        }
        // A backend whose clock is coarser than its kernels reports zeros.
        let isTraced = !reported.isEmpty && reported.allSatisfy { $0 > 0 }
        return ((isTraced ? reported : host).sorted(), isTraced)
    }
}
