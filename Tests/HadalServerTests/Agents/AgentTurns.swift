import HadalCore

/// A conversation of a coding agent, in the form that an interface gives it: what is asked, and the same with the call that the answer ended with and
/// its result. Nothing but what agents change between two requests differs.
protocol AgentTurns: Sendable {
    var path: String { get }
    /// - Parameters:
    ///   - number: of the request: what changes with each depends on it.
    ///   - topic: a word of the question, by which conversations differ.
    func ask(_ number: Int, about topic: String) -> String
    /// - Parameters:
    ///   - answer: to `ask`, as it was streamed.
    ///   - topic: as in `ask`.
    ///   - keepsReasoning: whether the client sends it back.
    func result(_ answer: AgentAnswer, _ number: Int, about topic: String, keepsReasoning: Bool) -> String
    func read(_ response: TestResponse) throws -> AgentAnswer
}
