/// How far a generation comes without a step of the model.
enum GenerationProgress {
    /// What is certain now, perhaps nothing. There may be more.
    case events([GenerationEvent])
    /// It took blocks of its prompt from disk, and there may be more: others may go on first.
    case restored(GenerationEvent)
    /// It waits for this step.
    case step(StepPart)
    case over
}

/// A generation that is driven step by step, on whichever thread its driver chooses. One thread at a time.
///
/// Whoever drives it runs the steps that it asks for, alone or with those of other sessions.
protocol SteppedGeneration: AnyObject {
    var session: Session { get }
    /// What came of it, whole once `proceed` has returned `over`.
    var reply: ChatReply { get }

    func proceed() throws -> GenerationProgress

    /// The step that `proceed` asked for has run.
    ///
    /// - Parameter logits: `[part.wantedRows, vocabulary]`, valid during the call, in which the engine is locked.
    func accept(_ part: StepPart, logits: UnsafePointer<Float>)

    /// The step that `proceed` asked for has failed: throws the error unless the generation can end well without it.
    func fail(_ error: any Error) throws

    /// Asks for the end: what was chosen until then is kept.
    func stop()

    /// Ends it because whoever drives it failed. Does nothing after its end.
    func abandon()

    /// Nobody asks for more. Takes no lock that a step holds.
    func leave()
}

extension SteppedGeneration {
    /// Runs at most one step of the model.
    ///
    /// - Returns: the events that it made certain, perhaps none; nil: the generation is over.
    func advance() throws -> [GenerationEvent]? {
        switch try proceed() {
        case .events(let events): return events
        case .restored(let event): return [event]
        case .over: return nil
        case .step(let part):
            do { try session.run(part) { accept($0, logits: $1) } } catch { try fail(error) }
            return []
        }
    }

    /// Drives it to its end on the calling thread.
    func drive(_ onEvent: (GenerationEvent) throws -> Reaction) throws {
        do {
            while let events = try advance() {
                for event in events where try onEvent(event) == .stop { stop() }
            }
        } catch {
            abandon()
            throw error
        }
    }
}
