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

    /// The largest nesting of settings and figures: they become part of larger texts, which have to be read as well.
    private static let maximumDepth = 64

    /// Checks that a text is a JSON object, as settings and figures are.
    ///
    /// - Throws: `malformed`, `limitExceeded`.
    static func checkObject(_ text: String, _ what: String) throws {
        let document = try JSONDocument(parsing: text, file: what)
        guard document.root.object != nil else {
            throw HadalError(.malformed, "\(what) must be an object, not \(document.root.kindName)", at: document.place(of: document.root))
        }
        guard depth(document.root) <= maximumDepth else {
            throw HadalError(.limitExceeded, "\(what) are nested deeper than \(maximumDepth) levels", at: document.place(of: document.root))
        }
    }

    /// The parser bounds it.
    private static func depth(_ json: JSON) -> Int {
        let parts = json.array ?? json.object?.members.map(\.value) ?? []
        return parts.reduce(0) { max($0, 1 + depth($1)) }
    }
}
