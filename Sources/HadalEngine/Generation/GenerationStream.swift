/// The events of a generation as an asynchronous sequence.
///
/// Each iteration is a generation of its own. It begins when its first event is asked for, and each step of the model runs when the event
/// after it is, on a thread of the engine's: whoever waits for an event holds no thread. Between two events nothing runs, and the session
/// is its caller's again as soon as the iteration is left; the last token that was given is then not in it. A task that is cancelled ends
/// its generation after the current step, with a summary that says so.
public struct GenerationStream: AsyncSequence, Sendable {
    public typealias Element = GenerationEvent

    private let engine: Engine
    private let start: @Sendable () throws -> any SteppedGeneration

    /// - Parameter start: called on the engine's thread.
    init(_ engine: Engine, start: @escaping @Sendable () throws -> any SteppedGeneration) {
        self.engine = engine
        self.start = start
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(driver: GenerationDriver(engine, start: start)) }

    /// Runs it to its end.
    func reply() async throws -> ChatReply {
        let driver = GenerationDriver(engine, start: start)
        while try await driver.next() != nil {}
        return try driver.reply
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let driver: GenerationDriver

        public mutating func next() async throws -> GenerationEvent? { try await driver.next() }
    }
}
