import HadalCore

/// What reading of several objects has in common.
enum HistoryJSON {
    /// A text that may be absent or null.
    ///
    /// - Throws: `malformed` for anything else.
    static func text(_ json: JSON?, _ key: String, _ fields: JSONFields) throws -> String? {
        guard let json, !json.isNull else { return nil }
        guard let text = json.string else { throw fields.fail("'\(key)' must be a string or null, not \(json.kindName)", at: json) }
        return text
    }

    /// Checks that a text is a JSON object, as settings and figures are.
    static func checkObject(_ text: String, _ what: String) throws {
        let document = try JSONDocument(parsing: text, file: what)
        guard document.root.object != nil else {
            throw HadalError(.malformed, "\(what) must be an object, not \(document.root.kindName)", at: document.place(of: document.root))
        }
    }
}
