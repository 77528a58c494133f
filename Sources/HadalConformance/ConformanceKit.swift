public import HadalBackend
public import HadalCore
package import HadalGraph

/// Checks a device op by op against another that is taken to be right.
///
/// Everything is drawn from the seed: the same seed and options give the same cases and operands on every machine.
public struct ConformanceKit {
    public struct Options: Sendable {
        public var seed: UInt64
        /// Cases an op, at least: every value that a contract lists is tried, however many that takes. `Int.max`: every combination.
        public var casesPerOp: Int
        /// Only these ops; empty: all.
        public var ops: Set<String>
        /// Only this case ("linear/2.17"): replays what a report named.
        public var only: String?
        /// Failures kept an op; the op is left after so many.
        public var failuresPerOp: Int
        /// At most so many cases an op, of all kinds that the contract lists, in place of `casesPerOp`.
        public var quickCases: Int?
        /// Element type of caches, where an op takes it; nil: those that it takes, in turn.
        public var stateDType: DType?
        public init(
            seed: UInt64 = 1, casesPerOp: Int = 40, ops: Set<String> = [], only: String? = nil, failuresPerOp: Int = 3,
            quickCases: Int? = nil, stateDType: DType? = nil
        ) {
            self.seed = seed
            self.casesPerOp = casesPerOp
            self.ops = ops
            self.only = only
            self.failuresPerOp = failuresPerOp
            self.quickCases = quickCases
            self.stateDType = stateDType
        }

        /// Few enough to run between two saves of a source, and the same every time.
        public static let quickCases = 24
    }

    let catalogue: OpCatalogue
    let reference: any Device
    public var options: Options
    /// Called before each op with its name, for progress.
    public var progress: ((String) -> Void)?
    /// Called before each case with its id.
    public var willRun: ((String) -> Void)?

    /// A kit that takes a backend's first device for right, at the contracts of this installation's ops.
    ///
    /// - Parameter kernelPaths: directories with further op folders, the first having the last word.
    /// - Throws: for a contract that cannot be read, and what opening the device throws.
    public init(reference: any Backend, kernelPaths: [String] = [], options: Options = .init()) throws {
        self.init(
            catalogue: try OpCatalogue.load(adding: kernelPaths.reversed()),
            reference: try reference.open(device: 0, options: [:], log: .silent),
            options: options)
    }

    package init(catalogue: OpCatalogue, reference: any Device, options: Options = .init()) {
        self.catalogue = catalogue
        self.reference = reference
        self.options = options
    }

    /// Opens a device of a backend and checks both the backend's boundary and the device's ops.
    public func check(_ backend: any Backend, device index: Int = 0, options deviceOptions: [String: OptionValue] = [:]) throws
        -> ConformanceReport
    {
        var report = ConformanceReport(backend: backend.name, version: backend.version, device: "", seed: options.seed)
        if options.only == nil { report.checks = BoundaryChecks(backend: backend, index: index, catalogue: catalogue).run() }
        let device = try backend.open(device: index, options: deviceOptions, log: .silent)
        report.device = device.info.name
        report.ops = try check(device, capabilities: backend.capabilities)
        return report
    }

    /// Checks every op of the catalogue on an open device.
    ///
    /// - Throws: when a contract's cases make no sense, or the reference itself fails; faults of the device are in the result.
    public func check(_ device: any Device, capabilities: BackendCapabilities) throws -> [ConformanceReport.Op] {
        var results: [ConformanceReport.Op] = []
        let wanted = options.only.map { String($0.prefix { $0 != "/" }) }
        for name in catalogue.contracts.keys.sorted() {
            guard let contract = catalogue.contracts[name], options.ops.isEmpty || options.ops.contains(name),
                wanted == nil || wanted == name
            else { continue }
            progress?(name)
            results.append(try check(contract, device, capabilities))
        }
        if results.isEmpty {
            throw HadalError(.notFound, "no op to check", hint: "ops: \(catalogue.contracts.keys.sorted().joined(separator: ", "))")
        }
        return results
    }

    /// Checks a trial that was not drawn: a node saved with its operands.
    ///
    /// - Parameter id: what failures call it.
    package func check(_ trial: ConformanceTrial, id: String, device: any Device, capabilities: BackendCapabilities) throws
        -> ConformanceReport.Op
    {
        let contract = try catalogue.contract(for: trial.point.op)
        var op = ConformanceReport.Op(name: contract.name)
        let check = CaseCheck(
            contract: contract, id: id, summary: trial.point.summary, device: device, reference: reference, capabilities: capabilities)
        var next: ConformanceTrial? = trial
        op.add(
            try check.run {
                defer { next = nil }
                return next
            })
        return op
    }

    private func check(_ contract: OpContract, _ device: any Device, _ capabilities: BackendCapabilities) throws -> ConformanceReport.Op {
        try check(contract, points(contract), on: device, capabilities: capabilities)
    }

    /// Checks some cases of an op.
    ///
    /// - Throws: when the reference itself fails; faults of the device are in the result.
    package func check(
        _ contract: OpContract, _ points: [ConformancePoint], on device: any Device, capabilities: BackendCapabilities
    ) throws -> ConformanceReport.Op {
        var op = ConformanceReport.Op(name: contract.name)
        for point in points {
            willRun?(point.id)
            let check = CaseCheck(
                contract: contract, id: point.id, summary: point.summary, device: device, reference: reference, capabilities: capabilities)
            op.add(try check.run(point, catalogue: catalogue, seed: options.seed, stateDType: options.stateDType))
            if op.failures.count >= options.failuresPerOp { break }
        }
        return op
    }

    /// The cases of a contract that these options ask for.
    ///
    /// - Throws: when an entry has no legal combination, or `only` names no case.
    package func points(_ contract: OpContract) throws -> [ConformancePoint] {
        if let only = options.only { return [try point(only, contract)] }
        let share = max(1, (options.quickCases ?? options.casesPerOp) / max(contract.cases.count, 1))
        let lists = try contract.cases.indices.map { index in
            let space = try ConformanceSpace(contract, case: index)
            var random = SplitMix64(seed: options.seed, label: "\(contract.name)/\(index)")
            func isLegal(_ point: ConformancePoint) -> Bool { TrialBuilder.isLegal(point, contract, catalogue) }
            let points: [ConformancePoint] =
                if options.quickCases == nil, options.casesPerOp == .max {
                    try space.all(&random, isLegal: isLegal)
                } else {
                    try space.sample(limit: share, &random, isLegal: isLegal)
                }
            guard !points.isEmpty else {
                throw HadalError(
                    .mismatch, "case \(index) of op '\(contract.name)' has no combination that its own rules allow",
                    at: SourcePlace("\(contract.folder)/op.json"), hint: illegality(try space.point(0), contract))
            }
            return points
        }
        guard let most = options.quickCases else { return Array(lists.joined()) }
        // In turn from every entry, so that none is left out.
        var points: [ConformancePoint] = []
        for round in 0..<(lists.map(\.count).max() ?? 0) { points += lists.filter { $0.count > round }.map { $0[round] } }
        return Array(points.prefix(max(most, lists.count)))
    }

    /// What keeps a combination from being legal.
    private func illegality(_ point: ConformancePoint, _ contract: OpContract) -> String? {
        let reason: String?
        do { reason = try TrialBuilder.checkLegal(point, contract, catalogue) } catch let error as HadalError {
            reason = error.message
        } catch { reason = nil }
        return reason.map { "the first, \(point.summary): \($0)" }
    }

    /// A case by its name.
    private func point(_ id: String, _ contract: OpContract) throws -> ConformancePoint {
        let numbers = id.split(separator: "/").last.map { $0.split(separator: ".").map { Int($0) } } ?? []
        guard id.split(separator: "/").count == 2, numbers.count == 2, let index = numbers[0], let combination = numbers[1],
            contract.cases.indices.contains(index)
        else {
            throw HadalError(.invalidArgument, "no case '\(id)'", hint: "a case is named op/case.combination, as reports do")
        }
        let space = try ConformanceSpace(contract, case: index)
        guard (0..<space.count).contains(combination) else {
            throw HadalError(.invalidArgument, "case \(index) of op '\(contract.name)' has \(space.count) combinations, no \(combination)")
        }
        let point = try space.point(combination)
        guard TrialBuilder.isLegal(point, contract, catalogue) else {
            throw HadalError(
                .invalidArgument, "case '\(id)' (\(point.summary)) is a combination that the contract's own rules do not allow")
        }
        return point
    }
}

extension ConformanceReport.Op {
    mutating func add(_ result: CaseCheck.Result) {
        switch result {
        case .passed: cases += 1
        case .unsupported(let reason): skip(reason)
        case .failed(let found):
            cases += 1
            failedCases += 1
            failures += found
        }
    }
}
