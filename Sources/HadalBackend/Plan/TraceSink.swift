package import CHadalPlugin

/// Collects what a backend reports about each node while a program runs.
///
/// Thread safety: used by the executing thread only.
package final class TraceSink {
    package struct Event: Sendable {
        /// Index into the whole graph's nodes.
        package var node: Int
        /// Nanoseconds on the monotonic clock.
        package var start: UInt64
        package var duration: UInt64
        package var bytes: UInt64
    }

    package private(set) var events: [Event] = []
    var firstNode = 0

    package init() {}

    package static let receive: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void = { context, event in
        guard let context, let event = event?.pointee else { return }
        let sink = Unmanaged<TraceSink>.fromOpaque(context).takeUnretainedValue()
        sink.events.append(
            Event(
                node: sink.firstNode + Int(event.node), start: event.start_ns, duration: event.duration_ns, bytes: event.bytes))
    }
}
