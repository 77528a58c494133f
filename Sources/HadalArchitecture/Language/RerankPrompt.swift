package import HadalCore

/// How a model that gives logits is asked whether a document fits a query: the prompt that its publisher gives, and the two tokens whose logits are
/// compared after it.
package struct RerankPrompt: Sendable, Equatable {
    /// What stands before and after the texts. Control tokens in them count.
    package var before: String
    package var after: String
    /// The texts, `{instruction}`, `{query}` and `{document}` standing for them. Control tokens in them do not count.
    package var body: String
    /// The usual instruction.
    package var instruction: String
    /// The score is the logit of the first token less that of the second.
    package var accepts: String
    package var rejects: String

    init(_ json: JSON, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "rerank")
        before = try fields.string("before")
        body = try fields.string("body")
        after = try fields.string("after")
        instruction = try fields.string("instruction")
        accepts = try fields.string("accepts")
        rejects = try fields.string("rejects")
        try fields.finish()
        for name in ["{query}", "{document}"] where !body.contains(name) { throw fields.fail("'body' lacks \(name)") }
    }

    /// The texts in their places.
    package func text(query: String, document: String, instruction: String?) -> String {
        // One pass: a query that holds "{document}" is left as it is.
        var result = "", rest = body[...]
        let values = [("{instruction}", instruction ?? self.instruction), ("{query}", query), ("{document}", document)]
        while !rest.isEmpty {
            if let (name, value) = values.first(where: { rest.hasPrefix($0.0) }) {
                result += value
                rest = rest.dropFirst(name.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result
    }
}
