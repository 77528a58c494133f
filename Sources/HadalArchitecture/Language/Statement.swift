import HadalCore

/// One entry of a graph or block.
indirect enum Statement: Sendable {
    case node(NodeSpec)
    case block(name: String, when: Formula?, place: SourcePlace)
    case repeated(count: Formula, from: Formula?, index: String, label: String, when: Formula?, body: [Statement], place: SourcePlace)
    /// Names the current value of a variable for the outside: `hidden.NAME`.
    case hidden(name: NamePattern, value: String, when: Formula?, place: SourcePlace)

    /// A node with its operands and attributes still to be told apart by the op's contract.
    struct NodeSpec: Sendable {
        struct Member: Sendable {
            var key: String
            var formula: Formula
            var place: SourcePlace
        }
        var op: String
        var inputs: [String]
        var outputs: [String]
        var label: String?
        var when: Formula?
        /// In the order of the op's states.
        var states: [String]
        /// The same for all of them.
        var stateIndex: Formula?
        var table: Formula?
        /// Operands and attributes by name.
        var members: [Member]
        var place: SourcePlace
        var opPlace: SourcePlace
    }
}

extension Statement {
    static func list(_ json: JSON, in document: JSONDocument, what: String, depth: Int = 0) throws -> [Statement] {
        guard let items = json.array else {
            throw HadalError(.malformed, "\(what) must be a list of statements, not \(json.kindName)", at: document.place(of: json))
        }
        guard depth <= Limits.repeatDepth else {
            throw HadalError(.limitExceeded, "\(what): 'repeat' nested deeper than \(Limits.repeatDepth)", at: document.place(of: json))
        }
        return try items.map { try Statement($0, in: document, what: what, depth: depth) }
    }

    init(_ json: JSON, in document: JSONDocument, what: String, depth: Int) throws {
        var fields = try JSONFields(json, in: document, what: "statement of \(what)")
        let place = document.place(of: json)
        let when = try fields.optional("when").map { try Formula($0, in: document) }
        if json["op"] != nil {
            self = .node(try NodeSpec(&fields, when: when, place: place))
            return
        }
        if json["block"] != nil {
            self = .block(name: try fields.string("block"), when: when, place: place)
        } else if json["repeat"] != nil {
            let count = try Formula(fields.required("repeat"), in: document)
            let from = try fields.optional("from").map { try Formula($0, in: document) }
            let index = try fields.optionalString("index") ?? "layer"
            let label = try fields.optionalString("label") ?? index + "s"
            guard Identifier.isValid(index), !Identifier.reserved.contains(index) else {
                throw fields.fail("'\(index)' cannot be an index", at: json["index"])
            }
            let body = try Statement.list(fields.required("body"), in: document, what: what, depth: depth + 1)
            self = .repeated(count: count, from: from, index: index, label: label, when: when, body: body, place: place)
        } else if json["hidden"] != nil {
            let name = try NamePattern(fields.required("hidden"), in: document, what: what)
            self = .hidden(name: name, value: try fields.string("in"), when: when, place: place)
        } else {
            throw fields.fail("needs 'op', 'block', 'repeat' or 'hidden'")
        }
        try fields.finish()
    }
}

extension Statement.NodeSpec {
    /// Keys that a node has whatever its op; the others are operands and attributes.
    static let keys = ["op", "in", "out", "when", "label", "state", "state_index", "table"]

    init(_ fields: inout JSONFields, when: Formula?, place: SourcePlace) throws {
        let document = fields.document
        self.when = when
        self.place = place
        op = try fields.string("op")
        opPlace = document.place(of: fields.object["op"] ?? fields.json)
        inputs = try Self.names("in", &fields)
        outputs = try Self.names("out", &fields)
        label = try fields.optionalString("label")
        states = try Self.names("state", &fields)
        stateIndex = try fields.optional("state_index").map { try Formula($0, in: document) }
        table = try fields.optional("table").map { try Formula($0, in: document) }
        members = []
        for member in fields.object.members where !Self.keys.contains(member.key) {
            members.append(
                Member(
                    key: member.key, formula: try Formula(member.value, in: document), place: document.place(at: member.keyOffset)))
        }
        guard !outputs.isEmpty else { throw fields.fail("'out' names what the node makes") }
    }

    private static func names(_ key: String, _ fields: inout JSONFields) throws -> [String] {
        guard let json = fields.optional(key) else { return [] }
        return try (json.array ?? [json]).map { item in
            guard let name = item.string, Identifier.isValid(name) else {
                throw fields.fail("'\(key)' is a name or a list of names", at: item)
            }
            return name
        }
    }
}
