/// What a client takes from a stream.
struct AgentAnswer {
    var reasoning = ""
    var text = ""
    var callID = ""
    var callName = ""
    /// JSON.
    var arguments = ""
    /// Tokens of the prompt, and those of them that came from the cache; nil: the interface does not say.
    var prompt: (all: Int, cached: Int)?
}
