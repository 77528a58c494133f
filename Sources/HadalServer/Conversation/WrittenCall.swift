import HadalCore

/// A call as the model wrote it.
struct WrittenCall: Sendable, Equatable {
    /// JSON.
    var arguments: String
    /// What was reasoned in the same answer.
    var reasoning: String

    init(arguments: String, reasoning: String) { (self.arguments, self.reasoning) = (arguments, reasoning) }

    /// Reads what `text` makes.
    ///
    /// - Returns: nil for anything else.
    init?(_ text: String) {
        guard let root = try? JSONDocument(parsing: text, file: "call").root, let arguments = root["arguments"]?.string,
            let reasoning = root["reasoning"]?.string
        else { return nil }
        self.init(arguments: arguments, reasoning: reasoning)
    }

    var text: String { JSON.members([("arguments", .text(arguments)), ("reasoning", .text(reasoning))]).text() }
}
