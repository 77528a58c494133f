/// A generation that is driven step by step, on whichever thread its driver chooses. One thread at a time.
protocol SteppedGeneration: AnyObject {
    var session: Session { get }
    /// What came of it, whole once `advance` has returned nil.
    var reply: ChatReply { get }

    /// Runs at most one step of the model.
    ///
    /// - Returns: the events that it made certain, perhaps none; nil: the generation is over.
    func advance() throws -> [GenerationEvent]?

    /// Asks for the end: what was chosen until then is kept.
    func stop()

    /// Ends it because whoever drives it failed. Does nothing after its end.
    func abandon()

    /// Nobody asks for more. Takes no lock that a step holds.
    func leave()
}

extension SteppedGeneration {
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
