package import HadalBackend
package import HadalConformance
package import HadalCore
package import HadalEngine
package import HadalGraph

/// A device opened for work on its kernels, and the devices that define what its results should be.
///
/// Thread safety: one thread at a time.
package final class KernelWorkbench {
    package let environment: SearchPaths
    package let catalogue: OpCatalogue
    package let selection: BackendRegistry.Selection
    package let device: any Device
    /// What opened the device: `--backend`.
    package let specification: String
    private let registry: BackendRegistry
    private let settings: [String: String]
    private let log: LogSink
    /// Devices that define ops, by backend.
    private var definitions: [String: any Device] = [:]
    /// Devices whose threads run one after the other, first to last or last to first: where one thread reads what another has to write
    /// first, one of the two orders shows it every time. With the settings that make them.
    private var ordered: [(device: any Device, settings: [String])]?
    private let options: [String: OptionValue]

    package var backend: any Backend { selection.backend }
    package var capabilities: BackendCapabilities { selection.backend.capabilities }

    /// - Parameters:
    ///   - specification: a backend's name, or `name:device`.
    ///   - settings: `backend.option` to value, as `--set` gives them.
    ///   - options: of the backend, beside those.
    package init(
        _ specification: String, environment: SearchPaths, settings: [String: String] = [:], options: [String: OptionValue] = [:],
        log: LogSink = .silent
    ) throws {
        self.specification = specification
        self.environment = environment
        self.settings = settings
        self.log = log
        catalogue = try environment.catalogue()
        registry = try environment.registry()
        selection = try registry.resolve(specification)
        var parsed = try Self.options(for: selection.backend, environment, settings)
        parsed.merge(options) { _, new in new }
        self.options = parsed
        device = try selection.open(options: parsed, log: log)
    }

    private func orderedDevices() throws -> [(device: any Device, settings: [String])] {
        if let ordered { return ordered }
        let order = backend.options.first { $0.name == WellKnownOption.order.name }
        var made: [(device: any Device, settings: [String])] = []
        if let order, options[order.name] == nil {
            let hasThreads = WellKnownOption.threads.isPublished(by: backend)
            for choice in WellKnownOption.orders where order.choices.contains(choice) {
                var more: [String: OptionValue] = [order.name: .string(choice)]
                if hasThreads { more[WellKnownOption.threads.name] = .int(3) }
                do {
                    let device = try selection.open(options: options.merging(more) { $1 }, log: log)
                    made.append((device, ["\(backend.name).order=\(choice)"] + (hasThreads ? ["\(backend.name).threads=3"] : [])))
                } catch let error as HadalError where error.code == .unsupported {
                    log.write(.debug, "\(backend.name): not checked in the order \(choice): \(error.message)")
                }
            }
        }
        ordered = made
        return made
    }

    deinit {
        device.quiesce()
        for other in definitions.values { other.quiesce() }
        for other in ordered ?? [] { other.device.quiesce() }
    }

    /// The settings and kernel directories that concern a backend.
    static func options(
        for backend: any Backend, _ environment: SearchPaths, _ settings: [String: String]
    ) throws -> [String: OptionValue] {
        try environment.addingKernels(to: try BackendChoice.parse(settings, for: backend), for: backend)
    }

    /// The backend whose results are right by definition for an op: the reference, unless the contract declares another.
    package static func definition(of contract: OpContract) -> String {
        if case .backend(let name)? = contract.reference { return name }
        return "reference"
    }

    /// A device of the backend that defines an op.
    package func reference(for contract: OpContract) throws -> any Device {
        let name = Self.definition(of: contract)
        if let open = definitions[name] { return open }
        let chosen = try registry.resolve(name)
        let opened = try chosen.open(options: try Self.options(for: chosen.backend, environment, settings), log: log)
        definitions[name] = opened
        return opened
    }

    /// The ops to work on: those named, or all.
    ///
    /// - Throws: `notFound` for a name that is no op.
    package func contracts(_ names: [String]) throws -> [OpContract] {
        try (names.isEmpty ? catalogue.contracts.keys.sorted() : names).map { try catalogue.contract(for: $0) }
    }

    /// Runs the conformance kit over ops, each against what defines it; what passes, again with its threads in other orders where the backend
    /// offers that: a few cases, or the one asked for.
    ///
    /// - Parameters:
    ///   - progress: called before each op with its name and its number.
    ///   - willRun: called before each case with its id.
    package func test(
        _ contracts: [OpContract], options: ConformanceKit.Options, progress: ((String, Int) -> Void)? = nil,
        willRun: ((String) -> Void)? = nil
    ) throws -> ConformanceReport {
        var report = ConformanceReport(backend: backend.name, version: backend.version, device: device.info.name, seed: options.seed)
        for (number, contract) in contracts.enumerated() {
            progress?(contract.name, number)
            var options = options
            options.ops = [contract.name]
            var kit = ConformanceKit(catalogue: catalogue, reference: try reference(for: contract), options: options)
            kit.willRun = willRun
            guard var result = try kit.check(device, capabilities: capabilities).first else { continue }
            for (device, settings) in try orderedDevices() where result.status == .pass {
                if options.only == nil { kit.options.quickCases = ConformanceKit.Options.quickCases }
                for other in try kit.check(device, capabilities: capabilities) {
                    result.failedCases += other.failedCases
                    result.failures += other.failures.map { failure in
                        var failure = failure
                        failure.settings = settings
                        return failure
                    }
                }
            }
            report.ops.append(result)
        }
        return report
    }

    /// Runs a saved node and compares it with what defines its op.
    package func replay(_ node: SavedNode, path: String) throws -> ConformanceReport {
        let contract = try catalogue.contract(for: node.op)
        let kit = ConformanceKit(catalogue: catalogue, reference: try reference(for: contract))
        var report = ConformanceReport(backend: backend.name, version: backend.version, device: device.info.name, seed: 0)
        report.ops = [try kit.check(try node.trial(catalogue, path: path), id: path, device: device, capabilities: capabilities)]
        return report
    }
}
