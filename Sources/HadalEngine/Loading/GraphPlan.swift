import HadalBackend
import HadalCore
import HadalGraph

/// Where one graph of a model runs, and what it is compiled for.
struct GraphPlan: Sendable {
    let graph: Graph
    let placed: PlacedGraph
    let bounds: Segment.Bounds
    /// Experts that the backend reads from the model's files itself.
    let streamed: ExpertPlacement?
    /// Element type of every state with a row for each token, and pages of each.
    let stateDType: DType
    let pages: Int
    /// Slots of each state of fixed size, and how many of them are for snapshots.
    var slots = 0
    var snapshotSlots = 0

    /// Bytes of its weights, as stored.
    var weightBytes: Int { graph.weights.reduce(0) { $0 + $1.bytes } }

    /// Reads the weights and compiles the graph on the devices that it is placed on.
    ///
    /// - Parameter other: a graph whose embedding and head are used in place of this one's copies of them.
    /// - Throws: what reading and compiling meet, and what the meter throws. Nothing is kept then.
    func compile(
        _ weights: ModelWeights, sharing other: Graph? = nil, on backends: BackendChoice, meter: LoadMeter
    ) throws -> Program {
        let bound = try weights.bind(graph, sharing: other, streamed: streamed, progress: meter.bind)
        let segment = Segment(graph: graph, weights: bound.data, bounds: bounds, stateDType: stateDType, pageTokens: Engine.pageTokens)
        let program = try Program(
            plan: placed.plan, segment: segment, devices: try backends.devices(of: placed.plan), pageCount: pages, slotCount: slots,
            progress: meter.compile)
        if program.info.keepsWeights { try weights.keep(bound, program.keptWeights, of: graph) }
        return program
    }
}
