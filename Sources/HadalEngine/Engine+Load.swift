import HadalCore

extension Engine {
    /// Loads a model from a GGUF file or a Hugging Face directory on a thread of its own, and waits without holding one.
    ///
    /// - Parameter progress: called on that thread, as by `init(_:progress:)`.
    /// - Throws: as `init`; `cancelled` when the task is cancelled before the model is loaded. Nothing is kept then.
    public static func load(
        _ path: String, options: EngineOptions = EngineOptions(), progress: (@Sendable (LoadProgress) -> Void)? = nil
    ) async throws -> Engine {
        let flag = CancelFlag()
        let check: @Sendable () throws -> Void = {
            if flag.isSet { throw HadalError(.cancelled, "loading was cancelled", at: SourcePlace(path)) }
        }
        return try await withTaskCancellationHandler {
            try await EngineThread(name: "hadal-load").run {
                try check()
                let plan = try LoadPlan(path: path, options: options)
                try check()
                return try Engine(plan) {
                    progress?($0)
                    try check()
                }
            }
        } onCancel: {
            flag.set()
        }
    }
}
