import HadalArchitecture
package import HadalBackend
package import HadalCore
import HadalGraph
import Synchronization

/// The backends that the user asked for, and which of them each node of a model is meant for.
///
/// A device is opened when the first node is to be placed on it, so that one without nodes never is.
package final class BackendChoice: Sendable {
    /// A device that nodes are meant for, or may fall back on.
    private final class Entry: Sendable {
        /// Backend name, with the device's index where that is not 0.
        let name: String
        let backend: any Backend
        let index: Int
        let settings: [String: OptionValue]
        private let log: LogSink
        private let opened = Mutex<Result<any Device, any Error>?>(nil)

        init(_ backend: any Backend, _ index: Int, settings: [String: OptionValue], log: LogSink) {
            name = index == 0 ? backend.name : "\(backend.name):\(index)"
            self.backend = backend
            self.index = index
            self.settings = settings
            self.log = log
        }

        func open() throws -> any Device {
            try opened.withLock { known in
                if let known { return try known.get() }
                let result = Result { try backend.open(device: index, options: settings, log: log) }
                known = result
                return try result.get()
            }
        }

        var openedDevice: (any Device)? { opened.withLock { try? $0?.get() } }

        /// Joins the device's threads and lets go of it.
        func close() {
            let device = opened.withLock { known in
                defer { known = nil }
                return try? known?.get()
            }
            device?.quiesce()
        }

        var candidate: ExecutionPlan.Candidate {
            .init(name: name, ownsMemory: backend.ownsMemory, multiNode: backend.capabilities.contains(.multiNode)) { [self] in try open() }
        }
    }

    /// Bytes of experts that `streaming` keeps in memory; nil: all of them.
    let expertMemory: Int?

    private let options: EngineOptions
    private let registry: BackendRegistry
    /// Those that nodes are meant for, the one for most of them first.
    private let entries: [Entry]
    /// For each rule, and last for what no rule takes, an index into `entries`.
    private let entryOfRule: [Int?]
    /// Those that may take over where the policy permits; found when first needed.
    private let takeovers = Mutex<[Entry]?>(nil)
    /// The entry that keeps its experts to a limit.
    private let streaming: Int?
    private let isTaken = Mutex(false)

    /// Whether one of the backends would keep its experts to a limit, if it were opened with one.
    var canLimitExperts: Bool { streaming != nil && expertMemory == nil }

    /// Resolves names and settings; opens nothing.
    ///
    /// - Parameters:
    ///   - graphs: those of the model that may be run.
    ///   - isDraft: of a model that drafts for another one, for which the rules were written: some may have nothing to say of it.
    /// - Throws: `HadalError` for a backend, device or option that there is not, and for rules without sense.
    init(_ options: EngineOptions, for graphs: [Graph], isDraft: Bool = false) throws {
        self.options = options
        registry = try options.environment.registry()
        let rules = options.placement?.rules ?? []
        if let placement = options.placement, !isDraft {
            let warnings = try placement.check(graphs, ops: Set(try options.environment.catalogue().contracts.keys))
            for warning in warnings { options.log.write(.warning, warning) }
        }
        // How many nodes each rule takes, and last how many none does.
        var counts = Array(repeating: 0, count: rules.count + 1)
        var experts: Set<Int> = []
        for graph in graphs {
            let taken = options.placement?.assign(graph) ?? Array(repeating: nil, count: graph.nodes.count)
            for (node, rule) in zip(graph.nodes, taken) {
                counts[rule ?? rules.count] += 1
                if node.op == Op.experts { experts.insert(rule ?? rules.count) }
            }
        }
        var resolved: [(backend: any Backend, index: Int, nodes: Int, rules: [Int])] = []
        var selections: [String: BackendRegistry.Selection] = [:]
        for (number, count) in counts.enumerated() {
            if number == rules.count, count == 0, !rules.isEmpty { continue }
            let name = number < rules.count ? rules[number].backend : options.backend
            let selection: BackendRegistry.Selection
            do { selection = try selections[name] ?? registry.resolve(name) } catch let error as HadalError where number < rules.count {
                throw HadalError(error.code, "placement '\(rules[number].text)': \(error.message)", at: error.place, hint: error.hint)
            }
            selections[name] = selection
            if let known = resolved.firstIndex(where: { $0.backend.name == selection.backend.name && $0.index == selection.deviceIndex }) {
                resolved[known].nodes += count
                resolved[known].rules.append(number)
            } else {
                resolved.append((selection.backend, selection.deviceIndex, count, [number]))
            }
        }
        // Rules that take no node of this model decide nothing.
        if resolved.contains(where: { $0.nodes > 0 }) { resolved.removeAll { $0.nodes == 0 } }
        resolved.sort { $0.nodes > $1.nodes }
        var entryOfRule: [Int?] = Array(repeating: nil, count: rules.count + 1)
        for (index, item) in resolved.enumerated() { for rule in item.rules { entryOfRule[rule] = index } }
        self.entryOfRule = entryOfRule

        try Self.checkOwners(of: options.settings, registry, known: Set(selections.values.map(\.backend.name)))
        if options.threads != nil, !resolved.contains(where: { Self.takesThreads($0.backend) }) {
            throw HadalError(
                .invalidArgument,
                "backend \(resolved.map(\.backend.name).joined(separator: ", ")) has no option '\(WellKnownOption.threads.name)'",
                hint: [.remove(.threads)])
        }
        let limited = try Self.streaming(resolved.map(\.backend), experts: Set(experts.compactMap { entryOfRule[$0] }), options)
        entries = try resolved.enumerated().map { index, item in
            var settings = try Self.settings(options, for: item.backend)
            if let limit = options.expertMemory, index == limited { settings[WellKnownOption.expertMemory.name] = .int(Int64(limit)) }
            return Entry(item.backend, item.index, settings: settings, log: options.log)
        }
        streaming = limited
        if let limited, case .int(let bytes)? = entries[limited].settings[WellKnownOption.expertMemory.name], bytes > 0 {
            expertMemory = Int(clamping: bytes)
        } else {
            expertMemory = nil
        }
    }

    /// Takes over the devices for an engine, until `close`: a device serves one thread at a time.
    ///
    /// - Throws: `invalidArgument` while another engine has them.
    func take() throws {
        let isFree = isTaken.withLock { taken in
            defer { taken = true }
            return !taken
        }
        guard isFree else {
            throw HadalError(.invalidArgument, "an engine of this plan is loaded already", hint: "make a plan for each engine")
        }
    }

    /// Of the devices that were asked for, the first that got nodes.
    var firstOpened: (any Device)? { entries.lazy.compactMap(\.openedDevice).first }

    private var known: [Entry] { entries + (takeovers.withLock { $0 } ?? []) }

    /// Joins the threads of every device that was opened, and lets go of it. What needs a device afterwards opens it again.
    func close() {
        for entry in known { entry.close() }
        isTaken.withLock { $0 = false }
    }

    /// The devices that a plan of `place` names, in its order.
    func devices(of plan: ExecutionPlan) throws -> [any Device] {
        try plan.devices.map { name in
            guard let entry = known.first(where: { $0.name == name }) else { throw HadalError(.notFound, "no device '\(name)'") }
            return try entry.open()
        }
    }

    // MARK: placing

    /// The entry that each node is meant for.
    private func preferred(_ graph: Graph) -> [Int] {
        let taken = options.placement?.assign(graph) ?? Array(repeating: nil, count: graph.nodes.count)
        let unruled = entryOfRule.count - 1
        return taken.map { entryOfRule[$0 ?? unruled] ?? 0 }
    }

    /// The type of a graph's caches where none is asked for: F16, but F32 where they are the reference backend's, or a device has no others.
    func cacheDType(for graph: Graph) throws -> DType {
        let one = Segment.Bounds(tokens: 1, sequences: 1, rows: 1)
        func segment(_ dtype: DType) -> Segment {
            Segment(withoutData: graph, bounds: one, stateDType: dtype, pageTokens: Engine.pageTokens)
        }
        let (halves, floats) = (segment(.f16), segment(.f32))
        for (node, index) in preferred(graph).enumerated() where !graph.nodes[node].states.isEmpty {
            if entries[index].backend.name == Self.exactBackend { return .f32 }
            let device = try entries[index].open()
            if device.unsupported(node: node, of: halves) != nil, device.unsupported(node: node, of: floats) == nil { return .f32 }
        }
        return .f16
    }

    /// The backend that defines what results are, and can run everything.
    private static let exactBackend = "reference"

    /// Places a graph. Asks devices, but reads no weight.
    func place(_ segment: Segment) throws -> PlacedGraph {
        let preferred = preferred(segment.graph)
        let (plan, devices) = try ExecutionPlan.make(
            for: segment, preferred: preferred, candidates: entries.map(\.candidate), others: { others().map(\.candidate) },
            policy: options.fallback)
        let used = plan.devices.compactMap { name in known.first { $0.name == name } }
        let capabilities = used.map(\.backend.capabilities)
        return PlacedGraph(
            plan: plan, summary: zip(plan.devices, devices).map { "\($0): \($1.info.name)" }.joined(separator: " + "),
            capabilities: capabilities.dropFirst().reduce(capabilities.first ?? []) { $0.intersection($1) },
            capabilitiesOfDevice: capabilities,
            opened: used.enumerated().map { OpenedBackend(backend: $1.backend, device: $1.index, options: $1.settings, number: $0) },
            streamingDevice: streaming.flatMap { plan.devices.firstIndex(of: entries[$0].name) })
    }

    /// What may take over where the policy permits: backends that nothing is meant for. The reference backend can run everything, so it
    /// comes last.
    private func others() -> [Entry] {
        takeovers.withLock { known in
            if let known { return known }
            let found = findOthers()
            known = found
            return found
        }
    }

    private func findOthers() -> [Entry] {
        let all = registry.list().available.map(\.backend).filter { backend in !entries.contains { $0.backend.name == backend.name } }
        let ordered = all.filter { $0.name != Self.exactBackend } + all.filter { $0.name == Self.exactBackend }
        return ordered.compactMap { backend in
            do { return Entry(backend, 0, settings: try Self.settings(options, for: backend), log: options.log) } catch {
                options.log.write(.warning, "backend \(backend.name) cannot take over: \(error)")
                return nil
            }
        }
    }
}

/// A backend that a model is placed on, as it was opened.
package struct OpenedBackend: Sendable {
    package var backend: any Backend
    /// Which of its devices.
    package var device: Int
    package var options: [String: OptionValue]
    /// Its place among the plan's devices.
    package var number: Int
}
