import HadalCore
import HadalGraph

/// Checks a device op by op against another that is taken to be right.
///
/// Everything is drawn from the seed: the same seed and options give the same cases and operands on every machine.
public struct ConformanceKit {
    public struct Options: Sendable {
        public var seed: UInt64
        /// Cases an op, at least: every value that a contract lists is tried, however many that takes.
        public var casesPerOp: Int
        /// Only these ops; empty: all.
        public var ops: Set<String>
        /// Only this case ("linear/2.17"): replays what a report named.
        public var only: String?
        /// Failures kept an op; the op is left after so many.
        public var failuresPerOp: Int
        public init(seed: UInt64 = 1, casesPerOp: Int = 40, ops: Set<String> = [], only: String? = nil, failuresPerOp: Int = 3) {
            self.seed = seed
            self.casesPerOp = casesPerOp
            self.ops = ops
            self.only = only
            self.failuresPerOp = failuresPerOp
        }
    }

    let catalogue: OpCatalogue
    let reference: any Device
    public var options: Options
    /// Called before each op with its name, for progress.
    public var progress: ((String) -> Void)?

    public init(catalogue: OpCatalogue, reference: any Device, options: Options = .init()) {
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
            guard let contract = catalogue.contracts[name], options.ops.isEmpty || options.ops.contains(name), wanted == nil || wanted == name
            else { continue }
            progress?(name)
            results.append(try check(contract, device, capabilities))
        }
        if results.isEmpty { throw HadalError(.notFound, "no op to check", hint: "ops: \(catalogue.contracts.keys.sorted().joined(separator: ", "))") }
        return results
    }

    private func check(_ contract: OpContract, _ device: any Device, _ capabilities: BackendCapabilities) throws -> ConformanceReport.Op {
        var op = ConformanceReport.Op(name: contract.name)
        for point in try points(contract) {
            let check = CaseCheck(
                catalogue: catalogue, contract: contract, point: point, device: device, reference: reference, capabilities: capabilities,
                seed: options.seed)
            switch try check.run() {
            case .passed: op.cases += 1
            case .unsupported(let reason): op.skip(reason)
            case .failed(let failures):
                op.cases += 1
                op.failures += failures
            }
            if op.failures.count >= options.failuresPerOp { break }
        }
        return op
    }

    private func points(_ contract: OpContract) throws -> [ConformancePoint] {
        if let only = options.only { return [try point(only, contract)] }
        var points: [ConformancePoint] = []
        let share = max(1, options.casesPerOp / max(contract.cases.count, 1))
        for index in contract.cases.indices {
            let space = try ConformanceSpace(contract, case: index)
            var random = SplitMix64(seed: options.seed, label: "\(contract.name)/\(index)")
            let sample = try space.sample(limit: share, &random) { TrialBuilder.isLegal($0, contract, catalogue) }
            guard !sample.isEmpty else {
                throw HadalError(.mismatch, "case \(index) of op '\(contract.name)' has no combination that its own rules allow")
            }
            points += sample
        }
        return points
    }

    /// A case by its name.
    private func point(_ id: String, _ contract: OpContract) throws -> ConformancePoint {
        let numbers = id.split(separator: "/").last.map { $0.split(separator: ".").map { Int($0) } } ?? []
        guard numbers.count == 2, let index = numbers[0], let combination = numbers[1], contract.cases.indices.contains(index) else {
            throw HadalError(.invalidArgument, "no case '\(id)'", hint: "a case is named op/case.combination, as reports do")
        }
        let space = try ConformanceSpace(contract, case: index)
        guard (0..<space.count).contains(combination) else {
            throw HadalError(.invalidArgument, "case \(index) of op '\(contract.name)' has \(space.count) combinations, no \(combination)")
        }
        return try space.point(combination)
    }
}
