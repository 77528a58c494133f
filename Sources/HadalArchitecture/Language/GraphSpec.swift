import HadalCore
import HadalGraph

/// A named graph of a description.
struct GraphSpec: Sendable {
    struct Input: Sendable {
        var name: String
        var dtype: DType
        /// T, R, or a formula.
        var dims: [Formula]
    }

    /// What the host puts into an input between the graphs.
    struct Feed: Sendable {
        var input: String
        var hidden: Formula

        /// The name in `ModelGraph.hidden`: a layer's number or a name of its own.
        func hiddenName(_ scope: BuildContext.Scope, graph: String) throws -> String {
            switch try hidden.evaluate(scope) {
            case .int(let layer): return "hidden.\(layer)"
            case .string(let name): return "hidden.\(name)"
            case let other: throw GraphSpec.wrongFeed(self, other, graph: graph)
            }
        }
    }

    var name: String
    var inputs: [Input]
    /// Which of the main graph's named values inputs are given.
    var feeds: [Feed]
    /// Empty for the main graph.
    var outputs: [String]
    var when: Formula?
    var body: [Statement]
    var place: SourcePlace

    /// What every graph may read: token ids and positions of the step, and the rows whose logits are wanted.
    static let standardInputs: [(name: String, dim: Dim)] = [("tokens", .tokens), ("positions", .tokens), ("rows", .rows)]

    /// What encoders may read beside them; graphs that do not read it do not have it. 0 where nothing says otherwise.
    static let tokenTypes = "token_types"

    /// `graph`: the main one. Its output is the one of `ModelResult` that it makes.
    init(main json: JSON, in document: JSONDocument) throws {
        name = "main"
        inputs = []
        feeds = []
        outputs = []
        place = document.place(of: json)
        body = try Statement.list(json, in: document, what: "graph 'main'")
    }

    /// An entry of `graphs`.
    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        self.name = name
        place = document.place(of: json)
        var fields = try JSONFields(json, in: document, what: "graph '\(name)'")
        inputs = try (fields.optionalObject("inputs")?.members ?? []).map { member in
            guard Identifier.isValid(member.key) else { throw fields.fail("'\(member.key)' is not a name", at: member.value) }
            guard let dims = member.value.array, (1...2).contains(dims.count) else {
                throw fields.fail("an input is given by its extents, such as [\"T\", \"d_model\"]", at: member.value)
            }
            return Input(name: member.key, dtype: .f32, dims: try dims.map { try Formula($0, in: document) })
        }
        let inputNames = inputs.map(\.name)
        feeds = try (fields.optionalObject("feeds")?.members ?? []).map { member in
            guard inputNames.contains(member.key) else {
                throw fields.fail("'feeds' names '\(member.key)', which is not an input of its own", at: member.value)
            }
            return Feed(input: member.key, hidden: try Formula(member.value, in: document))
        }
        outputs = try ParameterSpec.strings("outputs", &fields)
        when = try fields.optional("when").map { try Formula($0, in: document) }
        body = try Statement.list(fields.required("body"), in: document, what: "graph '\(name)'")
        try fields.finish()
        guard !outputs.isEmpty else { throw fields.fail("'outputs' names what the graph makes") }
    }
}
