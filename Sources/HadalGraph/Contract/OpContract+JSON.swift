package import HadalCore

extension OpContract {
    /// Reads `op.json`. Unknown keys, wrong types and expressions that do not parse are errors with line and column.
    package init(contentsOf path: String) throws {
        let document = try JSONDocument(contentsOf: path, rejectDuplicateKeys: true)
        try self.init(document, folder: path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".")
    }

    init(_ document: JSONDocument, folder: String) throws {
        var fields = try JSONFields(document.root, in: document, what: "op contract")
        guard try fields.string("hadal") == "op/1" else { throw fields.fail("'hadal' must be \"op/1\"") }
        name = try fields.string("op")
        summary = try fields.string("summary")
        source = try fields.optionalString("source") ?? ""
        inputs = try fields.array("inputs").map { try Input($0, document) }
        outputs = try fields.array("outputs").map { try Output($0, document) }
        attributes = try (fields.optionalArray("attributes") ?? []).map { try AttributeSpec($0, document) }
        states = try (fields.optionalArray("states") ?? []).map { try State($0, document) }
        require = try (fields.optionalArray("require") ?? []).map { try Self.expression($0, document) }
        let (specs, namedInputs, hasStates, operandNames) = (attributes, inputs, !states.isEmpty, inputs.map(\.name) + states.map(\.name))
        func testCase(_ json: JSON) throws -> TestCase { try TestCase(json, document, specs, namedInputs, hasStates: hasStates) }
        bench =
            try fields.optional("bench").map { try Bench($0, document, names: operandNames, testCase) }
            ?? Bench(operations: nil, reads: [], shapes: [])
        tolerance = try Tolerance(fields.required("tolerance"), document)
        cases = try (fields.optionalArray("cases") ?? []).map(testCase)
        let referenceJSON = fields.optional("reference")
        flow = try fields.optional("flow").map { try Flow($0, document) }
        wholeSequence = try fields.optional("whole_sequence").map { try Self.expression($0, document) }
        cpu = try fields.optional("cpu").map { try CPU($0, document, inputs: namedInputs, hasStates: hasStates) } ?? CPU()
        (stages, scratch) = try Self.vulkan(fields.optional("vulkan"), document)
        self.folder = folder
        try fields.finish()
        reference = try referenceJSON.map {
            try Self.reference($0, document, inputs: inputs, outputs: outputs, attributes: attributes, states: states, require: require)
        }
        for input in inputs.dropLast() where input.variadic { throw fields.fail("only the last input may be variadic") }
        try checkWholeSequence(fields)
        try checkExtents(fields)
        try checkStages(fields)
    }

    /// What decides about a node alone is an expression of attributes.
    private func checkWholeSequence(_ fields: JSONFields) throws {
        guard let wholeSequence, let name = wholeSequence.names.subtracting(attributes.map(\.name)).min() else { return }
        throw fields.fail("'whole_sequence' names '\(name)', which is not an attribute", at: fields.object["whole_sequence"])
    }

    /// Every name in a shape is an attribute, or an extent that some input has by itself.
    private func checkExtents(_ fields: JSONFields) throws {
        let known = Set(attributes.map(\.name)).union(inputs.flatMap { $0.dims.compactMap(\.bareName) })
        func check(_ dims: [Expression], _ what: String, _ more: Set<String> = []) throws {
            for dim in dims {
                guard let name = dim.names.subtracting(known).subtracting(more).min() else { continue }
                throw fields.fail(
                    "no input has the extent '\(name)' by itself, which '\(dim.text)' of \(what) calculates with: give an input the dim \"\(name)\", or make it an attribute",
                    at: fields.object["inputs"])
            }
        }
        for input in inputs { try check(input.dims, "input '\(input.name)'") }
        for output in outputs { try check(output.dims, "output '\(output.name)'", ["i"]) }
        for state in states { try check([state.heads, state.width] + (state.rows.map { [$0] } ?? []), "state '\(state.name)'") }
    }

    /// What a device says of itself in a stage's expressions.
    private static let deviceNames = ["subgroup", "matrix_m", "matrix_n", "matrix_k"]

    /// Every name that a stage calculates with is an attribute, an extent that some input has by itself, or, but where it says whether the op is
    /// taken at all, a parameter of the stage or what the device says of itself.
    private func checkStages(_ fields: JSONFields) throws {
        let known = Set(attributes.map(\.name)).union(inputs.flatMap { $0.dims.compactMap(\.bareName) })
        func check(_ expressions: [Expression?], _ what: String, _ names: Set<String>, _ kinds: String) throws {
            for expression in expressions.compactMap({ $0 }) {
                guard let name = expression.names.subtracting(names).min() else { continue }
                throw fields.fail("'\(expression.text)' of \(what) names '\(name)', which is no \(kinds)", at: fields.object["vulkan"])
            }
        }
        let shape = "attribute and no extent that an input has by itself"
        for stage in stages.flatMap({ $0.forms.flatMap { [$0] + $0.before } }) {
            let what = "the Vulkan stage '\(stage.variant ?? stage.name)'"
            try check([stage.requires], what, known, shape)
            try check(
                stage.grid + [stage.threads, stage.shared, stage.when], what,
                known.union(stage.parameters.map(\.name)).union(Self.deviceNames), "parameter of the stage, no \(shape)")
        }
        for scratch in scratch { try check([scratch.elements], "the scratch memory '\(scratch.name)'", known, shape) }
    }

    static func expression(_ json: JSON, _ document: JSONDocument) throws -> Expression {
        do {
            switch json.value {
            case .string(let text): return try Expression(parsing: text)
            case .int(let i): return try Expression(parsing: "\(i)")
            default: throw HadalError(.malformed, "expected an expression, not \(json.kindName)")
            }
        } catch let error as HadalError { throw error.located(at: document.place(of: json)) }
    }

    static func dtype(_ json: JSON, _ document: JSONDocument) throws -> DType {
        guard let text = json.string, let dtype = DType(name: text) else {
            throw HadalError(.malformed, "unknown dtype \(json.text())", at: document.place(of: json))
        }
        return dtype
    }

    static func list(_ json: JSON) -> [JSON] { json.array ?? [json] }
}

extension OpContract.Input {
    init(_ json: JSON, _ document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "input")
        name = try fields.string("name")
        guard let kind = Kind(rawValue: try fields.string("kind")) else {
            throw fields.fail("'kind' must be value or weight", at: fields.object["kind"])
        }
        self.kind = kind
        dims = try fields.array("dims").map { try OpContract.expression($0, document) }
        dtypes = try (fields.optionalArray("dtypes") ?? (kind == .value ? ["f32"] : [])).map { try OpContract.dtype($0, document) }
        unless = try fields.optionalString("unless")
        optional = try fields.optionalBool("optional") ?? (unless != nil)
        variadic = try fields.optionalBool("variadic") ?? false
        minimum = try fields.optional("minimum").map { try OpContract.expression($0, document) }
        below = try fields.optional("below").map { try OpContract.expression($0, document) }
        multipleOf = try fields.optionalDouble("multiple_of")
        help = try fields.optionalString("help") ?? ""
        try fields.finish()
    }
}

extension OpContract.Output {
    init(_ json: JSON, _ document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "output")
        name = try fields.string("name")
        dims = try fields.array("dims").map { try OpContract.expression($0, document) }
        dtype = try fields.optional("dtype").map { try OpContract.dtype($0, document) } ?? .f32
        count = try fields.optional("count").map { try OpContract.expression($0, document) }
        help = try fields.optionalString("help") ?? ""
        try fields.finish()
    }
}

extension OpContract.AttributeSpec {
    init(_ json: JSON, _ document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "attribute")
        name = try fields.string("name")
        guard let kind = Kind(rawValue: try fields.string("type")) else {
            throw fields.fail("'type' must be bool, int, float, string, ints or floats")
        }
        self.kind = kind
        minimum = try fields.optionalDouble("minimum")
        maximum = try fields.optionalDouble("maximum")
        choices = try (fields.optionalArray("choices") ?? []).map { json in
            guard let text = json.string else { throw fields.fail("'choices' are strings", at: json) }
            return text
        }
        help = try fields.optionalString("help") ?? ""
        let defaultJSON = fields.optional("default")
        try fields.finish()
        if let defaultJSON {
            guard let value = ExpressionValue(defaultJSON) else { throw fields.fail("bad default", at: defaultJSON) }
            do { defaultValue = try attribute(from: value) } catch let error as HadalError {
                throw error.located(at: document.place(of: defaultJSON))
            }
        }
    }

    /// Converts and range-checks a value for this attribute.
    package func attribute(from value: ExpressionValue) throws -> Attribute {
        func bad(_ wanted: String) -> HadalError {
            HadalError(.mismatch, "attribute '\(name)' requires \(wanted), not \(value)")
        }
        func check(_ number: Double) throws {
            func short(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? "\(bound)" }
            if let minimum, number < minimum { throw bad("at least \(short(minimum))") }
            if let maximum, number > maximum { throw bad("at most \(short(maximum))") }
        }
        switch kind {
        case .bool:
            guard let b = value.bool else { throw bad("true or false") }
            return .bool(b)
        case .int:
            guard let i = value.int else { throw bad("an integer") }
            try check(Double(i))
            return .int(i)
        case .float:
            guard let d = value.double, d.isFinite else { throw bad("a number") }
            try check(d)
            return .float(d)
        case .string:
            guard let s = value.string else { throw bad("a string") }
            guard choices.isEmpty || choices.contains(s) else { throw bad("one of \(choices.joined(separator: ", "))") }
            return .string(s)
        case .ints:
            let items = (value.array ?? []).compactMap(\.int)
            guard let a = value.array, items.count == a.count else { throw bad("a list of integers") }
            for i in items { try check(Double(i)) }
            return .ints(items)
        case .floats:
            let items = (value.array ?? []).compactMap(\.double)
            guard let a = value.array, items.count == a.count else { throw bad("a list of numbers") }
            for d in items { try check(d) }
            return .floats(items)
        }
    }
}

extension OpContract.State {
    init(_ json: JSON, _ document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "state")
        name = try fields.string("name")
        guard let kind = Kind(rawValue: try fields.optionalString("kind") ?? Kind.tokens.rawValue) else {
            throw fields.fail("'kind' is one of \(Kind.allCases.map(\.rawValue).joined(separator: ", "))", at: json["kind"])
        }
        self.kind = kind
        if let list = try fields.optionalArray("dims") {
            let dims = try list.map { try OpContract.expression($0, document) }
            switch (kind, dims.count) {
            case (.tokens, 2) where json["heads"] == nil && json["width"] == nil: (heads, width) = (dims[0], dims[1])
            case (.recurrent, 3): (heads, rows, width) = (dims[0], dims[1], dims[2])
            case (.window, 2): (heads, rows, width) = (try Expression(parsing: "1"), dims[0], dims[1])
            case (.tokens, _):
                throw fields.fail("'dims' is [heads, width] of a token's rows, in place of the keys 'heads' and 'width'", at: json["dims"])
            case (.recurrent, _): throw fields.fail("'dims' of a recurrent state is [heads, rows, width]", at: json["dims"])
            case (.window, _): throw fields.fail("'dims' of a window is [rows, width]", at: json["dims"])
            }
        } else {
            guard kind == .tokens else { throw fields.fail("a \(kind.rawValue) state has 'dims'") }
            heads = try OpContract.expression(fields.required("heads"), document)
            width = try OpContract.expression(fields.required("width"), document)
        }
        dtypes = try fields.optionalArray("dtypes")?.map { try OpContract.dtype($0, document) } ?? Self.plainTypes
        if let other = dtypes.first(where: { !DType.stateTypes.contains($0) }) {
            throw fields.fail("a state cannot be of type \(other.name)", at: json["dtypes"])
        }
        multipleOf = try fields.optionalDouble("multiple_of")
        help = try fields.optionalString("help") ?? ""
        if kind != .tokens, let key = ["dtypes", "multiple_of"].first(where: { json[$0] != nil }) {
            throw fields.fail("'\(key)' of a \(kind.rawValue) state, which is float32", at: json[key])
        }
        try fields.finish()
    }
}

extension OpContract.Tolerance {
    init(_ json: JSON, _ document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "tolerance")
        absolute = try fields.optionalDouble("absolute") ?? 0
        relative = try fields.optionalDouble("relative") ?? 0
        quantised = try fields.optionalDouble("quantised") ?? 0
        for key in ["absolute", "relative", "quantised"] {
            if let bound = fields.object[key]?.double, bound < 0 {
                throw fields.fail("'\(key)' must not be negative", at: fields.object[key])
            }
        }
        try fields.finish()
    }
}
