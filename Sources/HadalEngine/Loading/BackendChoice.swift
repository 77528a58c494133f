import HadalArchitecture
import HadalBackend
import HadalCore
import HadalGraph

/// The backend that the user asked for, opened, with the others that may take what it cannot.
struct BackendChoice {
    let names: [String]
    let devices: [any Device]
    /// The backend of each device, and how it was opened.
    let opened: [OpenedBackend]
    /// Of the preferred backend, less what a fallback device lacks.
    let capabilities: BackendCapabilities
    private let single: Set<Int>
    let summary: String
    /// Bytes of experts that the preferred device keeps in memory; nil: all of them.
    let expertMemory: Int?
    static let expertOption = "expert-memory"

    init(_ options: EngineOptions) throws {
        let registry = try options.environment.registry()
        let selection = try registry.resolve(options.backend)
        let preferred = selection.backend
        var opened: [(any Backend, Int)] = [(preferred, selection.deviceIndex)]
        var known = Set([preferred.name])
        if options.fallback != .error {
            for backend in registry.list().available.map(\.backend) where backend.name != preferred.name {
                known.insert(backend.name)
                // The reference backend can run everything, so it comes after the others.
                if backend.name == "reference" { opened.append((backend, 0)) } else { opened.insert((backend, 0), at: min(1, opened.count)) }
            }
        }
        for key in options.settings.keys {
            let owner = String(key.prefix { $0 != "." })
            // A setting for a backend that is not in use is fine, one for a backend that does not exist is a slip.
            if known.contains(owner) { continue }
            known.formUnion(registry.list().available.map(\.backend.name))
            guard known.contains(owner) else {
                throw HadalError(.invalidArgument, "--set \(key): there is no backend '\(owner)'", hint: "backends: \(known.sorted().joined(separator: ", "))")
            }
        }
        var names: [String] = []
        var devices: [any Device] = []
        var used: [OpenedBackend] = []
        var single: Set<Int> = []
        var capabilities = preferred.capabilities
        var expertMemory: Int?
        for (k, (backend, device)) in opened.enumerated() {
            var parsed = try Self.parse(options.settings, for: backend)
            if k == 0 {
                if let limit = options.expertMemory { parsed[Self.expertOption] = try Self.expertOption(limit, for: backend) }
                if case .int(let bytes)? = parsed[Self.expertOption], bytes > 0 { expertMemory = Int(clamping: bytes) }
            }
            parsed = try options.environment.addingKernels(to: parsed, for: backend)
            do {
                devices.append(try backend.open(device: device, options: parsed, log: options.log))
            } catch where k > 0 {
                options.log.write(.warning, "backend \(backend.name) cannot take over: \(error)")
                continue
            }
            if !backend.capabilities.contains(.multiNode) { single.insert(names.count) }
            used.append(OpenedBackend(backend: backend, device: device, options: parsed, number: names.count))
            names.append(backend.name)
            capabilities.formIntersection(backend.capabilities)
        }
        self.expertMemory = expertMemory
        self.names = names
        self.devices = devices
        self.opened = used
        self.capabilities = capabilities
        self.single = single
        let info = devices[0].info
        summary = "\(names[0]): \(info.name)"
    }

    func plan(for segment: Segment, policy: FallbackPolicy) throws -> ExecutionPlan {
        try ExecutionPlan.make(for: segment, candidates: Array(zip(names, devices)), policy: policy, single: single)
    }

    /// The experts that the devices read from disk themselves; nil when there are none.
    func streamedExperts(of graph: Graph, _ model: ModelGraph, log: LogSink) throws -> ExpertPlacement? {
        let placement = try ExpertPlacement(graph, of: model)
        guard !placement.layers.isEmpty else {
            log.write(.warning, "--expert-memory has no effect: the model has no experts")
            return nil
        }
        guard capabilities.contains(.weightPieces) else {
            log.write(.warning, "--expert-memory has no effect: a backend that may take over ops keeps all experts in memory")
            return nil
        }
        let fixed = placement.layers.filter { !$0.isStreamable }
        if let first = fixed.first {
            log.write(
                .warning,
                "the experts of \(fixed.count) of \(placement.layers.count) layers stay in memory, whatever --expert-memory says: those of \(first.label) are not stored one by one")
        }
        return placement.pieces.isEmpty ? nil : placement
    }

    private static func expertOption(_ limit: Int, for backend: any Backend) throws -> OptionValue {
        guard limit > 0 else { throw HadalError(.invalidArgument, "a limit of \(limit) bytes for experts", hint: "leave --expert-memory out for none") }
        guard backend.options.contains(where: { $0.name == expertOption && $0.kind == .int }), backend.capabilities.contains(.weightPieces) else {
            throw HadalError(
                .unsupported, "backend '\(backend.name)' keeps all experts in memory and takes no --expert-memory", hint: "the cpu backend does")
        }
        return .int(Int64(limit))
    }

    static func parse(_ settings: [String: String], for backend: any Backend) throws -> [String: OptionValue] {
        var values: [String: OptionValue] = [:]
        for (key, text) in settings {
            let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0] == backend.name else { continue }
            guard let spec = backend.options.first(where: { $0.name == parts[1] }) else {
                let known = backend.options.map(\.name).joined(separator: ", ")
                throw HadalError(.invalidArgument, "backend \(backend.name) has no option '\(parts[1])'", hint: "options: \(known.isEmpty ? "none" : known)")
            }
            values[spec.name] = try spec.parse(text)
        }
        return values
    }
}
