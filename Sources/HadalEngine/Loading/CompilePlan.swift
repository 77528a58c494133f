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
