import HadalBackend
import HadalConformance
public import HadalCore
public import HadalEngine
import HadalGraph

/// A kernel that may take the place of another, if it is right: a copy of its folder that nobody edits, and where it is to run.
public struct KernelCandidate: Sendable {
    public var op: String
    /// Holds the op's folder, and the `include` or `glsl` beside it.
    public var directory: String
    public var backend: String
    /// Which of the backend's devices.
    public var device: Int
    /// What the device of the running model was opened with, `kernels` left out.
    public var options: [String: OptionValue]
    public var environment: SearchPaths

    public init(op: String, directory: String, backend: String, device: Int, options: [String: OptionValue], environment: SearchPaths) {
        self.op = op
        self.directory = directory
        self.backend = backend
        self.device = device
        self.options = options
        self.environment = environment
    }

    /// Cases an op; every value that the contract lists is tried at least once, however many that takes.
    private static let cases = 12

    /// Runs the op's cases on a device of its own against what defines the op, in every order of threads that the backend can be asked for.
    ///
    /// - Throws: when no check is possible: no such backend, a contract that does not parse.
    public func check() throws -> KernelCheck {
        var environment = environment
        environment.kernelPaths.insert(directory, at: 0)
        let registry = try environment.registry(), catalogue = try environment.catalogue()
        let contract = try catalogue.contract(for: op)
        let backend = try registry.backend(named: backend)
        let reference: any Device
        switch contract.reference {
        case .backend(let name)? where name == self.backend:
            // Its own definition: what can be seen is whether it crashes, writes where it must not, and gives the same bits in any order.
            var options = try given(to: backend, environment)
            if WellKnownOption.threads.isPublished(by: backend) { options[WellKnownOption.threads.name] = .int(1) }
            reference = try backend.open(device: device, options: options, log: .silent)
        case .backend(let name)?: reference = try open(registry.backend(named: name), environment)
        default: reference = try open(registry.backend(named: "reference"), environment)
        }
        let kit = ConformanceKit(
            catalogue: catalogue, reference: reference, options: .init(casesPerOp: Self.cases, ops: [op], failuresPerOp: 1))
        var cases = 0
        for (order, options) in try variations(of: backend, environment) {
            let device: any Device
            do { device = try backend.open(device: self.device, options: options, log: .silent) } catch let error as HadalError
                where order != nil && error.code == .unsupported
            { continue }
            defer { device.quiesce() }
            guard let result = try kit.check(device, capabilities: backend.capabilities).first else { continue }
            cases += result.cases
            if let failure = result.failures.first { return KernelCheck(cases: cases, fault: Self.text(failure)) }
            // Another order may be none of a device's, or no matter to a kernel.
            if result.cases == 0, order == nil {
                return KernelCheck(
                    cases: 0, fault: "none of its cases can be run: \(result.unsupported.first?.reason ?? "its contract lists none")")
            }
        }
        return KernelCheck(cases: cases)
    }

    /// The running model's options with this candidate before all other kernels.
    private func given(to backend: any Backend, _ environment: SearchPaths) throws -> [String: OptionValue] {
        var options = options
        options[WellKnownOption.kernels.name] = nil
        // The installation's own source may be what was edited: the text in its folder says nothing of what was built.
        if WellKnownOption.compileUnchanged.isPublished(by: backend) { options[WellKnownOption.compileUnchanged.name] = .bool(true) }
        // What streams experts has nothing to stream here.
        options[WellKnownOption.expertMemory.name] = nil
        return try environment.addingKernels(to: options, for: backend)
    }

    /// Threads at the same time, as in use, and one after another in both orders: where one thread reads what another has to write first, one of the
    /// orders shows it every time.
    private func variations(of backend: any Backend, _ environment: SearchPaths) throws -> [(
        order: String?, options: [String: OptionValue]
    )] {
        let base = try given(to: backend, environment)
        var variations: [(order: String?, options: [String: OptionValue])] = []
        for order in WellKnownOption.orders where WellKnownOption.order.isPublished(by: backend, choice: order) {
            var options = base
            options[WellKnownOption.order.name] = .string(order)
            if WellKnownOption.threads.isPublished(by: backend) { options[WellKnownOption.threads.name] = .int(3) }
            variations.append((order, options))
        }
        return variations + [(nil, base)]
    }

    private func open(_ backend: any Backend, _ environment: SearchPaths) throws -> any Device {
        try backend.open(device: 0, options: environment.addingKernels(to: [:], for: backend), log: .silent)
    }

    private static func text(_ failure: ConformanceReport.Failure) -> String {
        var text = failure.message
        if let expected = failure.expected, let got = failure.got {
            text = "element \(failure.index) of \(failure.operand)\(failure.shape) is \(got), not \(expected): \(failure.message)"
        }
        return "\(text) [\(failure.id), \(failure.summary)]"
    }
}
