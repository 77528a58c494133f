package import HadalCore

extension OpContract {
    /// Backends whose kernel may be named as what defines an op.
    private static let definingBackends = ["cpu", "vulkan"]

    /// Reads the key `reference`: `"cpu"`, `"vulkan"` or `{"expression": {"<output>": "<expression>"}}`.
    static func reference(
        _ json: JSON, _ document: JSONDocument, inputs: [Input], outputs: [Output], attributes: [AttributeSpec], states: [State],
        require: [Expression]
    ) throws -> Reference {
        if let backend = json.string {
            guard definingBackends.contains(backend) else {
                throw HadalError(
                    .malformed, "'reference' names a backend '\(backend)'", at: document.place(of: json),
                    hint: "it may be \(definingBackends.joined(separator: " or ")), or {\"expression\": {…}}")
            }
            return .backend(backend)
        }
        var fields = try JSONFields(json, in: document, what: "reference")
        let given = try JSONFields(try fields.required("expression"), in: document, what: "expressions of the reference")
        try fields.finish()
        guard states.isEmpty else { throw fields.fail("an op with a cache cannot be given as an expression") }
        if let input = inputs.first(where: \.variadic) {
            throw fields.fail("input '\(input.name)' repeats, which an expression cannot say")
        }
        var expressions: [String: Expression] = [:]
        for member in given.object.members {
            guard let output = outputs.first(where: { $0.name == member.key }) else {
                throw HadalError(
                    .malformed, "reference: there is no output '\(member.key)'", at: document.place(at: member.keyOffset),
                    hint: "outputs: \(outputs.map(\.name).joined(separator: ", "))")
            }
            guard output.count == nil else {
                throw given.fail("output '\(output.name)' repeats, which an expression cannot say", at: member.value)
            }
            let expression = try Self.expression(member.value, document)
            try checkNames(of: expression, output, inputs, attributes, require) { given.fail($0, at: member.value) }
            expressions[output.name] = expression
        }
        if let missing = outputs.first(where: { expressions[$0.name] == nil }) {
            throw given.fail("output '\(missing.name)' has no expression")
        }
        return .expressions(expressions)
    }

    /// What an expression names beside inputs and attributes: extents of the output, and `index.EXTENT`, where along it an element lies.
    package static let indexPrefix = "index."

    /// Whether an input's dim may stand for an output's of the same place although it is shorter: where `require` says that the output's
    /// is a multiple of it, as in `D % heads == 0`. Then each element of the input goes with so many neighbours of the output.
    package static func isGrouped(_ dim: Expression, of extent: String, _ require: [Expression]) -> Bool {
        func plain(_ text: String) -> String { text.filter { $0 != " " } }
        return require.contains { condition in
            ["\(extent)%\(plain(dim.text))==0", "\(extent)%(\(plain(dim.text)))==0"].contains(plain(condition.text))
        }
    }

    private static func checkNames(
        of expression: Expression, _ output: Output, _ inputs: [Input], _ attributes: [AttributeSpec], _ require: [Expression],
        _ fail: (String) -> HadalError
    ) throws {
        let extents = Set(output.dims.compactMap(\.bareName)).union(inputs.flatMap { $0.dims.compactMap(\.bareName) })
        for name in expression.names.sorted() {
            if let input = inputs.first(where: { $0.name == name }) {
                for (place, dim) in input.dims.enumerated() where dim.constant != .int(1) {
                    if let extent = dim.bareName, output.dims.contains(where: { $0.bareName == extent }) { continue }
                    // An input with fewer dims goes with the output's last ones.
                    let missing = output.dims.count - input.dims.count
                    let other = missing >= 0 ? output.dims[place + missing].bareName : nil
                    if let other, isGrouped(dim, of: other, require) { continue }
                    let way = other.map {
                        ". Where \($0) is a multiple of it, \"require\": [\"\($0) % \(dim.text) == 0\"] makes each go with its share of neighbours"
                    }
                    throw fail(
                        "an element of '\(output.name)' has no one element of '\(name)' to go with it: '\(dim.text)' is none of its own extents\(way ?? "")"
                    )
                }
            } else if name.hasPrefix(indexPrefix) {
                let extent = String(name.dropFirst(indexPrefix.count))
                guard output.dims.contains(where: { $0.bareName == extent }) else {
                    throw fail("output '\(output.name)' has no extent '\(extent)'")
                }
            } else if !extents.contains(name), !attributes.contains(where: { $0.name == name }) {
                let known =
                    inputs.map(\.name) + attributes.map(\.name) + extents.sorted()
                    + output.dims.compactMap { $0.bareName.map { indexPrefix + $0 } }
                throw fail("unknown name '\(name)' (known: \(known.joined(separator: ", ")))")
            }
        }
    }
}
