import CHadalPlugin
import HadalCore
import HadalGraph

/// An opened device of a plugin. Closed when the last of it, its buffers and its executables goes.
final class PluginDevice: Device, @unchecked Sendable {
    let plugin: LoadedPlugin
    let info: DeviceInfo
    /// The plugin's own; nil for a plugin that has nothing to open.
    let handle: OpaquePointer?
    private let host: PluginHost
    var table: PluginTable { plugin.table }

    init(_ plugin: LoadedPlugin, index: Int, info: DeviceInfo, options: [String: OptionValue], log: LogSink) throws {
        self.plugin = plugin
        self.info = info
        host = PluginHost(log: log, plugin: plugin.name, abiVersion: plugin.abiVersion)
        guard let open = plugin.table.raw.open_device else {
            handle = nil
            return
        }
        let arena = ForeignArena()
        let list = options.sorted { $0.key < $1.key }.map { Self.option($0.key, $0.value, arena) }
        var opened: OpaquePointer?
        let failure = open(
            plugin.table.raw.context, UInt32(index), host.pointer, arena.array(list), UInt32(MemoryLayout<hadal_option>.stride),
            UInt32(list.count), &opened)
        if let failure { throw HadalError(taking: failure, from: plugin.name) }
        guard let opened else { throw HadalError(.backend, "\(plugin.name): opened device \(index) without giving one") }
        handle = opened
        withExtendedLifetime(arena) {}
    }

    deinit { if let handle { table.raw.close_device?(handle) } }

    private static func option(_ name: String, _ value: OptionValue, _ arena: ForeignArena) -> hadal_option {
        var option = hadal_option()
        option.size = UInt32(MemoryLayout<hadal_option>.size)
        option.name = arena.string(name)
        switch value {
        case .bool(let b):
            option.kind = UInt32(HADAL_OPTION_BOOL)
            option.int_value = b ? 1 : 0
        case .int(let i):
            option.kind = UInt32(HADAL_OPTION_INT)
            option.int_value = i
        case .float(let d):
            option.kind = UInt32(HADAL_OPTION_FLOAT)
            option.float_value = d
        case .string(let s):
            option.kind = UInt32(HADAL_OPTION_STRING)
            option.string_value = arena.string(s)
        }
        return option
    }

    func quiesce() { table.raw.quiesce?(handle) }

    // MARK: segments

    /// Why the plugin's capabilities rule a segment out, or nil. Fields that such a segment would fill are never sent.
    private func refusal(of segment: Segment) -> String? {
        let name = plugin.name
        if segment.graph.nodes.count > 1, !table.capabilities.contains(.multiNode) {
            return "'\(name)' takes segments of one node, this one has \(segment.graph.nodes.count)"
        }
        if !segment.graph.states.isEmpty, !table.capabilities.contains(.state) {
            return "'\(name)' takes no state and so cannot hold '\(segment.graph.states[0].name)'"
        }
        if !table.capabilities.contains(.fixedStates), let state = segment.graph.states.first(where: \.isFixed) {
            return "'\(name)' takes no states of fixed size, such as '\(state.name)'"
        }
        if !table.capabilities.contains(.blockScales), let i = segment.weights.firstIndex(where: { $0.scales != nil }) {
            let weight = segment.graph.weights.indices.contains(i) ? segment.graph.weights[i].name : "\(i)"
            return "'\(name)' does not read block scales, which weight '\(weight)' has"
        }
        if !table.capabilities.contains(.weightPieces), let i = segment.weights.firstIndex(where: { $0.bytes == nil && !$0.pieces.isEmpty })
        {
            let weight = segment.graph.weights.indices.contains(i) ? segment.graph.weights[i].name : "\(i)"
            return "'\(name)' does not read weights in pieces, as '\(weight)' is given"
        }
        return nil
    }

    private func marshal(_ segment: Segment, extents: Segment.Bounds? = nil) throws -> MarshalledSegment {
        let symbolic = table.capabilities.contains(.symbolicDims)
        return try MarshalledSegment(
            segment, extents: symbolic ? nil : extents ?? segment.bounds, oneSequence: !table.capabilities.contains(.multiSequence),
            pieces: table.capabilities.contains(.weightPieces))
    }

    func unsupported(node: Int, of segment: Segment) -> String? {
        do {
            // The node alone is sent: the cost of asking about every node of a model stays linear.
            let part = try segment.isolating(node: node)
            if let reason = refusal(of: part) { return reason }
            let marshalled = try marshal(part)
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { reason in
                reason.initialize(repeating: 0)
                let answer = withExtendedLifetime(marshalled) {
                    table.supports(handle, marshalled.pointer, 0, reason.baseAddress, UInt32(reason.count))
                }
                if answer == UInt32(HADAL_SUPPORT_YES) { return nil }
                // A plugin that fills the buffer to the brim must not make us read on.
                reason[reason.count - 1] = 0
                let text = reason.baseAddress.map { String(cString: $0) } ?? ""
                return text.isEmpty ? "'\(plugin.name)' gives no reason" : text
            }
        } catch { return "\(error)" }
    }

    func compile(_ segment: Segment) throws -> any Executable {
        if let reason = refusal(of: segment) { throw HadalError(.unsupported, reason) }
        let varies = segment.graph.values.contains { $0.dims.contains { if case .symbol = $0 { true } else { false } } }
        if table.capabilities.contains(.symbolicDims) || !varies { return try compileOnce(segment) }
        return try PerExtentExecutable(self, segment)
    }

    func compileOnce(_ segment: Segment, extents: Segment.Bounds? = nil) throws -> PluginExecutable {
        let marshalled = try marshal(segment, extents: extents)
        var compiled: OpaquePointer?
        let failure = withExtendedLifetime(marshalled) { table.compile(handle, marshalled.pointer, &compiled) }
        if let failure { throw HadalError(taking: failure, from: plugin.name) }
        guard let compiled else { throw HadalError(.backend, "\(plugin.name): compiled '\(segment.graph.name)' without an executable") }
        return try PluginExecutable(self, compiled, segment: segment)
    }

    // MARK: memory

    func heldBytes(of weight: Graph.Weight) -> Int? {
        guard let ask = table.raw.weight_bytes, let c = try? MarshalledSegment.bare(weight) else { return nil }
        return withUnsafePointer(to: c.weight) { weight in withExtendedLifetime(c.arena) { ask(handle, weight) } }.nonzero
    }

    func measureRates(seconds: Double) throws -> DeviceRates? {
        guard let measure = table.raw.measure_rates else { return nil }
        var c = hadal_device_rates()
        c.size = UInt32(MemoryLayout<hadal_device_rates>.size)
        if let failure = measure(handle, seconds, &c) { throw HadalError(taking: failure, from: plugin.name) }
        guard c.float32.isFinite, c.float32 > 0 else { return nil }
        return DeviceRates(float32: c.float32, float16Matrix: c.float16_matrix.isFinite && c.float16_matrix > 0 ? c.float16_matrix : nil)
    }

    func allocate(bytes: Int) throws -> (any Buffer)? {
        guard let allocate = table.raw.buffer_allocate else { return nil }
        guard bytes >= 0 else { throw HadalError(.invalidArgument, "a buffer of \(bytes) bytes") }
        var buffer: OpaquePointer?
        if let failure = allocate(handle, UInt64(bytes), &buffer) { throw HadalError(taking: failure, from: plugin.name) }
        guard let buffer else { throw HadalError(.backend, "\(plugin.name): allocated \(bytes) bytes without giving a buffer") }
        return PluginBuffer(self, buffer, bytes: bytes)
    }

    func importMemory(_ memory: UnsafeMutableRawBufferPointer) throws -> (any Buffer)? {
        guard let load = table.raw.buffer_import, info.importAlignment > 0, let base = memory.baseAddress else { return nil }
        guard Int(bitPattern: base) % info.importAlignment == 0 else {
            throw HadalError(.invalidArgument, "\(plugin.name) imports memory aligned to \(info.importAlignment) bytes")
        }
        var buffer: OpaquePointer?
        if let failure = load(handle, base, UInt64(memory.count), &buffer) { throw HadalError(taking: failure, from: plugin.name) }
        return buffer.map { PluginBuffer(self, $0, bytes: memory.count) }
    }
}

extension UInt64 {
    /// nil for 0, which stands for "not known".
    fileprivate var nonzero: Int? { self == 0 ? nil : Int(clamping: self) }
}
