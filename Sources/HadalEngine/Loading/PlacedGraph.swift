import HadalBackend

/// Which devices run the nodes of a graph, and what these can do.
struct PlacedGraph: Sendable {
    let plan: ExecutionPlan
    /// "cpu: AMD EPYC", several joined by " + ".
    let summary: String
    /// What all of the plan's backends can do, and what each can.
    let capabilities: BackendCapabilities
    let capabilitiesOfDevice: [BackendCapabilities]
    /// How each device was opened.
    let opened: [OpenedBackend]
    /// The device that keeps its experts to a limit, an index into the plan's devices.
    let streamingDevice: Int?
}
