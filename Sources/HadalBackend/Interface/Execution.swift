public import CHadalPlugin
import HadalCore

/// What one run of an executable is given. Borrowed pointers: valid until `execute` returns.
///
/// The layouts are those of the plugin ABI, so that nothing is converted or allocated per step.
public struct Execution {
    public var inputs: UnsafeBufferPointer<hadal_binding>
    public var outputs: UnsafeBufferPointer<hadal_binding>
    public var states: UnsafeBufferPointer<hadal_binding>
    public var step: UnsafePointer<hadal_step>
    /// Called on the executing thread once a node, when the backend claims `.trace`.
    public var trace: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void)?
    public var traceContext: UnsafeMutableRawPointer?
    /// Set to nonzero by any thread to ask for an early end. See `isCancelled`.
    public var cancel: UnsafePointer<UInt32>?
    /// Whether the run is to end early, with `cancelled`: what to look at between nodes. Reads `cancel` as an atomic word.
    public var isCancelled: Bool { CancelFlag.isSet(cancel) }

    public init(
        inputs: UnsafeBufferPointer<hadal_binding>, outputs: UnsafeBufferPointer<hadal_binding>,
        states: UnsafeBufferPointer<hadal_binding>, step: UnsafePointer<hadal_step>,
        trace: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void)? = nil,
        traceContext: UnsafeMutableRawPointer? = nil, cancel: UnsafePointer<UInt32>? = nil
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.states = states
        self.step = step
        self.trace = trace
        self.traceContext = traceContext
        self.cancel = cancel
    }
}
