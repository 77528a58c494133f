import HadalCore
import HadalGraph

/// Memory for the values between the parts of a program: on the host, and on each device with memory of its own.
///
/// A value has memory only where a part or a copy uses it, and only from the first use to the last: values that are not needed at the
/// same time share. What the host itself gives or reads has host memory of its own, that nothing else touches.
struct ExchangeMemory {
    /// One value in one memory.
    private struct Place: Hashable {
        var value: Int
        /// nil: the host's.
        var device: Int?
    }

    private struct Slot {
        var bytes: Int
        var lastUse: Int
    }

    private var slots: [Int?: [Slot]] = [:]
    private var slotOf: [Place: Int] = [:]
    private var hostBuffers: [HostBuffer] = []
    private var deviceBuffers: [Int: [any Buffer]] = [:]

    /// Lays out the memory; nothing is allocated yet.
    ///
    /// - Parameter boundaries: the values that enter and leave each part of the plan.
    /// - Throws: `outOfMemory` for a value whose size is not known.
    init(_ plan: ExecutionPlan, _ graph: Graph, bounds: Segment.Bounds, boundaries: [[Int]]) throws {
        var uses: [Place: (first: Int, last: Int)] = [:]
        func use(_ value: Int, _ device: Int?, _ part: Int) {
            let place = Place(value: value, device: device)
            uses[place] = (min(uses[place]?.first ?? part, part), max(uses[place]?.last ?? part, part))
        }
        for (index, values) in boundaries.enumerated() {
            let device = plan.parts[index].device
            for value in values { use(value, plan.ownsMemory[device] ? device : nil, index) }
        }
        for transfer in plan.transfers {
            use(transfer.value, nil, transfer.part)
            use(transfer.value, transfer.device, transfer.part)
        }
        let ports = Set(graph.inputs + graph.outputs)
        for value in ports { uses[Place(value: value, device: nil)] = (0, .max) }
        let order = uses.sorted { a, b in
            if a.value.first != b.value.first { return a.value.first < b.value.first }
            return (a.key.device ?? -1, a.key.value) < (b.key.device ?? -1, b.key.value)
        }
        for (place, use) in order {
            let bytes = graph.values[place.value].bytes(tokens: bounds.tokens, sequences: bounds.sequences, rows: bounds.rows)
            guard bytes < .max else { throw HadalError(.outOfMemory, "value '\(graph.values[place.value].name)' is too large") }
            let isPort = place.device == nil && ports.contains(place.value)
            var all = slots[place.device] ?? []
            // The free one whose size is nearest.
            let free =
                isPort
                ? nil : all.indices.filter { all[$0].lastUse < use.first }.min { abs(all[$0].bytes - bytes) < abs(all[$1].bytes - bytes) }
            if let free {
                all[free] = Slot(bytes: max(all[free].bytes, bytes), lastUse: use.last)
                slotOf[place] = free
            } else {
                slotOf[place] = all.count
                all.append(Slot(bytes: bytes, lastUse: use.last))
            }
            slots[place.device] = all
        }
    }

    /// Bytes in the memory of a device, or of the host.
    func bytes(on device: Int?) -> Int { (slots[device] ?? []).reduce(0) { $0 + $1.bytes } }

    /// - Throws: `outOfMemory`, and `backend` when a device that has memory of its own gives none.
    mutating func allocate(_ devices: [any Device], names: [String]) throws {
        try allocateHost()
        for case let (device?, list) in slots {
            deviceBuffers[device] = try list.map { slot in
                guard let buffer = try devices[device].allocate(bytes: slot.bytes) else {
                    throw HadalError(.backend, "\(names[device]) claims memory of its own and allocates none")
                }
                return buffer
            }
        }
    }

    /// The host's part alone.
    mutating func allocateHost() throws { hostBuffers = try (slots[nil] ?? []).map { try HostBuffer(bytes: $0.bytes) } }

    func host(_ value: Int) -> HostBuffer? { slotOf[Place(value: value, device: nil)].map { hostBuffers[$0] } }

    func device(_ value: Int, on device: Int) -> (any Buffer)? {
        slotOf[Place(value: value, device: device)].flatMap { deviceBuffers[device]?[$0] }
    }
}

extension ExecutionPlan {
    /// Bytes that each device with memory of its own holds of values that are copied or that stay between its parts; 0 for the others.
    public func exchangeBytes(for segment: Segment) throws -> [Int] {
        let memory = try exchangeMemory(for: segment)
        return devices.indices.map { ownsMemory[$0] ? memory.bytes(on: $0) : 0 }
    }

    /// Bytes that the host holds of inputs, outputs and values between parts.
    package func hostExchangeBytes(for segment: Segment) throws -> Int { try exchangeMemory(for: segment).bytes(on: nil) }

    private func exchangeMemory(for segment: Segment) throws -> ExchangeMemory {
        let boundaries = parts.map { part in
            let extract = segment.part(part.nodes)
            return extract.inputs + extract.outputs
        }
        return try ExchangeMemory(self, segment.graph, bounds: segment.bounds, boundaries: boundaries)
    }
}
