package import HadalCore
import HadalGraph

/// Rules in a file, which `hadal plan -o` writes and an editor may change:
///
/// ```json
/// {
///   "hadal": "plan/1",
///   "architecture": "NAME",
///   "place": [
///     {"pattern": "experts", "backend": "cpu"},
///     {"pattern": "rest", "backend": "vulkan:1", "note": "the larger card"}
///   ]
/// }
/// ```
extension PlacementRules {
    static let version = "plan/1"

    /// The text of a plan file, which `init(contentsOf:)` reads.
    public var fileText: String { json.text(indent: 2) + "\n" }

    /// - Throws: `HadalError` with file, line and column.
    public init(contentsOf path: String) throws { try self.init(try JSONDocument(contentsOf: path, rejectDuplicateKeys: true)) }

    init(_ document: JSONDocument) throws {
        var fields = try JSONFields(document.root, in: document, what: "plan")
        guard let version = fields.object["hadal"]?.string else {
            throw HadalError(
                .malformed, "this is not a plan file: it does not begin with \"hadal\": \"\(Self.version)\"",
                at: document.place(of: document.root), hint: [.action(.writePlan)])
        }
        _ = try fields.string("hadal")
        guard version == Self.version else {
            throw fields.fail(
                "the format '\(version)' is not known; this version reads \(Self.version)", at: fields.object["hadal"], code: .unsupported)
        }
        let architecture = try fields.optionalString("architecture")
        var rules: [Rule] = []
        for (index, item) in try fields.array("place").enumerated() {
            var rule = try JSONFields(item, in: document, what: "place[\(index)]")
            let (pattern, backend, note) = (try rule.string("pattern"), try rule.string("backend"), try rule.optionalString("note"))
            try rule.finish()
            do { rules.append(try Rule(try PlacementPattern(pattern), on: backend, note: note)) } catch let error as HadalError {
                throw error.located(at: document.place(of: item))
            }
        }
        try fields.finish()
        do { try self.init(rules, architecture: architecture) } catch let error as HadalError {
            throw error.located(at: SourcePlace(document.place(of: document.root).file))
        }
    }

    package var json: JSON {
        var fields = JSONObject([("hadal", JSON(.string(Self.version)))])
        if let architecture { fields["architecture"] = JSON(.string(architecture)) }
        fields["place"] = JSON(
            .array(
                rules.map { rule in
                    var fields = JSONObject([("pattern", JSON(.string(rule.pattern.text))), ("backend", JSON(.string(rule.backend)))])
                    if let note = rule.note { fields["note"] = JSON(.string(note)) }
                    return JSON(.object(fields))
                }))
        return JSON(.object(fields))
    }
}
