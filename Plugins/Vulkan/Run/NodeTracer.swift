import CHadalPlugin
import CVulkan
import HadalCore

/// Commands that note the device's clock after every node.
///
/// Thread safety: as the executable it belongs to.
final class NodeTracer {
    private let context: DeviceContext
    private let pool: VkQueryPool
    private var nodes: [Int] = []
    private var ticks: [UInt64]
    private var recorded: VkCommandBuffer?

    /// The commands to run.
    var commands: VkCommandBuffer {
        get throws {
            guard let recorded else { throw HadalError(.backend, "nothing was recorded") }
            return recorded
        }
    }

    init(_ context: DeviceContext, nodes count: Int, record: (NodeTracer?) throws -> VkCommandBuffer) throws {
        guard (context.physical.queueFamily?.timestampBits ?? 0) > 0, context.physical.limits.timestampPeriod > 0 else {
            throw HadalError(.unsupported, "\(context.physical.name) has no clock that commands can read")
        }
        self.context = context
        var info = VkQueryPoolCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO
        info.queryType = VK_QUERY_TYPE_TIMESTAMP
        info.queryCount = UInt32(count + 1)
        var pool: VkQueryPool?
        try check(context.functions.pointee.CreateQueryPool(context.handle, &info, nil, &pool), "making a query pool")
        guard let pool else { throw HadalError(.backend, "no query pool came back") }
        self.pool = pool
        ticks = Array(repeating: 0, count: count + 1)
        recorded = try record(self)
    }

    deinit {
        if let recorded { context.release(recorded) }
        context.functions.pointee.DestroyQueryPool(context.handle, pool, nil)
    }

    func begin(_ commands: VkCommandBuffer) {
        context.functions.pointee.CmdResetQueryPool(commands, pool, 0, UInt32(ticks.count))
        context.functions.pointee.CmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, 0)
    }

    func mark(_ commands: VkCommandBuffer, node: Int) {
        nodes.append(node)
        context.functions.pointee.CmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, UInt32(nodes.count))
    }

    /// Tells the sink of every node of the run that has just ended; the end is put at the present time.
    func report(
        to trace: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void, _ sink: UnsafeMutableRawPointer?
    ) throws {
        let result = ticks.withUnsafeMutableBytes { bytes in
            context.functions.pointee.GetQueryPoolResults(
                context.handle, pool, 0, UInt32(nodes.count + 1), 8 * (nodes.count + 1), bytes.baseAddress, 8,
                UInt32(VK_QUERY_RESULT_64_BIT.rawValue) | UInt32(VK_QUERY_RESULT_WAIT_BIT.rawValue))
        }
        try check(result, "reading the device's clock")
        let now = MonotonicClock.nanoseconds
        let period = Double(context.physical.limits.timestampPeriod)
        func nanoseconds(_ from: UInt64, _ to: UInt64) -> UInt64 { to > from ? UInt64(Double(to - from) * period) : 0 }
        let last = ticks[nodes.count]
        for (i, node) in nodes.enumerated() {
            var event = hadal_trace_event()
            event.size = UInt32(MemoryLayout<hadal_trace_event>.size)
            event.node = UInt32(node)
            event.start_ns = now &- nanoseconds(ticks[i], last)
            event.duration_ns = nanoseconds(ticks[i], ticks[i + 1])
            trace(sink, &event)
        }
    }
}
