import HadalCore

extension OpContract {
    /// The value of `vulkan`: a list of stages, or an object with `stages` and `scratch`.
    static func vulkan(_ json: JSON?, _ document: JSONDocument) throws -> (stages: [Stage], scratch: [Scratch]) {
        guard let json else { return ([], []) }
        if let list = json.array { return (try list.map { try Stage($0, document, of: nil) }, []) }
        var fields = try JSONFields(json, in: document, what: "vulkan")
        let stages = try fields.array("stages").map { try Stage($0, document, of: nil) }
        let scratch = try (fields.optionalArray("scratch") ?? []).map { try Scratch($0, document) }
        try fields.finish()
        return (stages, scratch)
    }

    /// Names that become parts of GLSL identifiers.
    static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) }
    }
}

extension OpContract.Stage {
    /// - Parameter base: the stage that this is a variant of; what a variant leaves out is the base's.
    init(_ json: JSON, _ document: JSONDocument, of base: OpContract.Stage?) throws {
        var fields = try JSONFields(json, in: document, what: base == nil ? "stage" : "variant")
        let label = try fields.string("name")
        guard OpContract.isIdentifier(label) else { throw fields.fail("'name' may hold letters, digits and _") }
        name = base?.name ?? label
        variant = base == nil ? nil : label
        func expression(_ key: String) throws -> Expression? { try fields.optional(key).map { try OpContract.expression($0, document) } }
        threads = try expression("threads") ?? base?.threads ?? OpContract.expression(fields.required("threads"), document)
        if let grid = try fields.optionalArray("grid") {
            self.grid = try grid.map { try OpContract.expression($0, document) }
        } else if let base {
            grid = base.grid
        } else {
            grid = try fields.array("grid").map { try OpContract.expression($0, document) }
        }
        guard (1...3).contains(grid.count) else { throw fields.fail("'grid' has one to three entries") }
        when = try expression("when") ?? base?.when
        shared = try expression("shared")
        requires = try expression("requires")
        if let parameters = fields.optional("parameters") {
            guard let members = parameters.object else { throw fields.fail("'parameters' must be an object") }
            self.parameters = try members.members.map { member in
                let (key, value) = (member.key, member.value)
                let values = OpContract.list(value).compactMap(\.int)
                guard OpContract.isIdentifier(key), !values.isEmpty, values.count == OpContract.list(value).count,
                    values.allSatisfy({ (1...65536).contains($0) })
                else {
                    throw HadalError(
                        .malformed, "parameter '\(key)' needs a plain name and integers from 1 to 65536", at: document.place(of: value))
                }
                return OpContract.Parameter(name: key, values: values)
            }
        } else {
            parameters = base?.parameters ?? []
        }
        features = try (fields.optionalArray("features") ?? []).map { json in
            guard let text = json.string else { throw HadalError(.malformed, "a feature is a name", at: document.place(of: json)) }
            return text
        }
        if let dtypes = fields.optional("dtypes") {
            guard let members = dtypes.object else { throw fields.fail("'dtypes' must be an object") }
            self.dtypes = try members.members.map { member in
                (member.key, try OpContract.list(member.value).map { try OpContract.dtype($0, document) })
            }
        } else {
            dtypes = []
        }
        before = []
        variants = []
        let own = self
        before = try (fields.optionalArray("before") ?? []).map { json in
            var stage = try OpContract.Stage(json, document, of: nil)
            guard stage.forms.count == 1, stage.before.isEmpty, stage.when == nil else {
                throw HadalError(
                    .malformed, "a stage before another has no variants, stages before it or steps of its own", at: document.place(of: json)
                )
            }
            stage.when = own.when
            return stage
        }
        if base == nil {
            variants = try (fields.optionalArray("variants") ?? []).map { try OpContract.Stage($0, document, of: own) }
        }
        try fields.finish()
    }
}

extension OpContract.Scratch {
    init(_ json: JSON, _ document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "scratch")
        name = try fields.string("name")
        guard OpContract.isIdentifier(name) else { throw fields.fail("'name' may hold letters, digits and _") }
        dtype = try fields.optional("dtype").map { try OpContract.dtype($0, document) } ?? .f32
        guard dtype == .f32 || dtype == .i32 else { throw fields.fail("'dtype' must be f32 or i32") }
        elements = try OpContract.expression(fields.required("elements"), document)
        stages = try (fields.optionalArray("stages") ?? []).map { json in
            guard let text = json.string else { throw HadalError(.malformed, "a stage is a name", at: document.place(of: json)) }
            return text
        }
        try fields.finish()
    }
}
