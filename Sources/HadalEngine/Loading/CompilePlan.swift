import HadalBackend

/// What an engine compiles: the parts of a plan that nothing keeps from being loaded.
final class CompilePlan: Sendable {
    let run: RunGraph
    let text: ModelText
    let backends: BackendChoice
    let main: GraphPlan
    let prediction: PredictionPlan?
    /// Of the model that drafts for this one.
    let draft: LoadPlan?

    init(run: RunGraph, text: ModelText, backends: BackendChoice, main: GraphPlan, prediction: PredictionPlan?, draft: LoadPlan?) {
        self.run = run
        self.text = text
        self.backends = backends
        self.main = main
        self.prediction = prediction
        self.draft = draft
    }
}

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
    /// The device that keeps its experts to a limit or could, an index into the plan's devices.
    let streamingDevice: Int?
}
