import HadalCore

extension SchemaCompiler {
    /// What one schema allows, with all that it refers to in place.
    func read(_ node: SchemaSource.ID) throws -> SchemaRecord {
        let json = source.nodes[node].json
        if let value = json.bool { return value ? .all(strings) : .none(strings) }
        guard let object = json.object else { throw source.error(.malformed, "is not a schema", at: node) }
        let keywords = SchemaKeywords(source: source, node: node, object: object)
        try spend(object.count)
        if source.dialect.refStandsAlone, let reference = try keywords.string("$ref") {
            return try record(term(source.resolve(reference, from: node, key: "$ref")))
        }
        // What a string holds in another form is not looked into.
        if let key = ["contentEncoding", "contentMediaType", "contentSchema"].first(where: { object[$0] != nil }) {
            throw keywords.unsupported(key, "the contents of strings are not supported")
        }
        var result = SchemaRecord.all(strings)
        if object["type"] != nil { try restrict(&result, toTypesOf: keywords) }
        if let format = object["format"] { try restrict(&result, format: format, keywords) }
        if !result.numbers.isEmpty { result.numbers = try checked(result.numbers.intersection(try numbers(keywords))) }
        if result.strings != strings.none { result.strings = strings.intersection(result.strings, try stringSet(keywords)) }
        if !result.arrays.isEmpty { result.arrays = try arrays(keywords) }
        if !result.objects.isEmpty { result.objects = try objects(keywords) }
        try applyOthers(keywords, to: &result)
        if source.usesUnevaluated { try applyUnevaluated(keywords, to: &result) }
        return result
    }

    private func restrict(_ record: inout SchemaRecord, toTypesOf keywords: SchemaKeywords) throws {
        guard let json = keywords["type"] else { return }
        let names: [String]
        if let name = json.string { names = [name] } else { names = try keywords.strings(json, "type") }
        let types = Set(names)
        let known: Set = ["null", "boolean", "integer", "number", "string", "array", "object"]
        if let unknown = names.first(where: { !known.contains($0) }) { throw keywords.unsupported("type", "there is no type '\(unknown)'") }
        record.allowsNull = types.contains("null")
        record.allowsTrue = types.contains("boolean")
        record.allowsFalse = types.contains("boolean")
        if !types.contains("number") {
            record.numbers = !types.contains("integer") ? .none : source.dialect.integersArePlain ? .plainIntegers : .integers
        }
        if !types.contains("string") { record.strings = strings.none }
        if !types.contains("array") { record.arrays = [] }
        if !types.contains("object") { record.objects = [] }
    }

    /// Keywords that combine whole schemas.
    private func applyOthers(_ keywords: SchemaKeywords, to result: inout SchemaRecord) throws {
        let object = keywords.object
        if let values = object["enum"] {
            guard let items = values.array else { throw keywords.malformed("enum", "an array") }
            result = try intersection(result, try constants(items))
        }
        if let value = object["const"] { result = try intersection(result, try constants([value])) }
        if let reference = try keywords.string("$ref") {
            result = try intersection(result, try record(term(source.resolve(reference, from: keywords.node, key: "$ref"))))
        }
        for key in ["$dynamicRef", "$recursiveRef"] {
            guard let reference = try keywords.string(key) else { continue }
            guard let node = try source.resolveDynamic(reference, from: keywords.node, key: key) else {
                throw keywords.unsupported(key, "references that depend on the path to a schema are not supported")
            }
            result = try intersection(result, try record(term(node)))
        }
        for node in try keywords.schemas("allOf") ?? [] { result = try intersection(result, try record(term(node))) }
        if let nodes = try keywords.schemas("anyOf") {
            result = try intersection(result, try anyOf(nodes.map { try record(term($0)) }, keywords))
        }
        if let nodes = try keywords.schemas("oneOf") {
            result = try intersection(result, try exactlyOne(nodes.map { try intersection(typed(result), try record(term($0))) }))
        }
        if let node = try keywords.schema("not") { result = try intersection(result, try complement(try record(term(node)))) }
        if let condition = try keywords.schema("if") {
            result = try intersection(result, try conditional(condition, keywords))
        } else if object["then"] != nil || object["else"] != nil {
            // Without "if" they say nothing.
        }
        try applyDependencies(keywords, to: &result)
    }

    /// The types of a record and nothing else: alternatives that are of other types need no comparison.
    private func typed(_ record: SchemaRecord) -> SchemaRecord {
        var types = SchemaRecord.all(strings)
        types.allowsNull = record.allowsNull
        types.allowsTrue = record.allowsTrue
        types.allowsFalse = record.allowsFalse
        types.numbers = record.numbers
        if record.strings == strings.none { types.strings = strings.none }
        if record.arrays.isEmpty { types.arrays = [] }
        if record.objects.isEmpty { types.objects = [] }
        return types
    }

    private func conditional(_ condition: SchemaSource.ID, _ keywords: SchemaKeywords) throws -> SchemaRecord {
        let yes = try keywords.schema("then").map { try record(term($0)) }
        let no = try keywords.schema("else").map { try record(term($0)) }
        if yes == nil && no == nil && !source.usesUnevaluated { return .all(strings) }
        let holds = try record(term(condition))
        let fails = try complement(holds)
        return try union(
            try yes.map { try intersection(holds, $0) } ?? holds, try no.map { try intersection(fails, $0) } ?? fails)
    }

    private func anyOf(_ records: [SchemaRecord], _ keywords: SchemaKeywords) throws -> SchemaRecord {
        guard var result = records.first else { throw keywords.malformed("anyOf", "an array with schemas in it") }
        if records.count > 8, !source.usesUnevaluated {
            // In halves, so that long lists of constants are not copied again and again.
            let half = records.count / 2
            return try union(try anyOf(Array(records[..<half]), keywords), try anyOf(Array(records[half...]), keywords))
        }
        for record in records.dropFirst() {
            // What two alternatives evaluate together, neither may evaluate alone.
            let both = source.usesUnevaluated ? try intersection(result, record) : nil
            result = try union(result, record)
            if let both { result = try union(result, both) }
        }
        return result
    }

    private func applyDependencies(_ keywords: SchemaKeywords, to result: inout SchemaRecord) throws {
        if result.objects.isEmpty { return }
        func apply(_ name: String, _ consequence: [ObjectShape]) throws {
            var without = ObjectShape.any(strings)
            without.properties = [.init(name: ExactString(name), term: SchemaTerms.none, isListed: false)]
            var with = ObjectShape.any(strings)
            with.properties = [.init(name: ExactString(name), term: SchemaTerms.all, isRequired: true, isListed: false)]
            result.objects = try intersection(result.objects, [without] + (try intersection([with], consequence)))
        }
        func apply(_ name: String, requires names: [String]) throws {
            var shape = ObjectShape.any(strings)
            shape.properties = names.map { .init(name: ExactString($0), term: SchemaTerms.all, isRequired: true, isListed: false) }
            try apply(name, [shape])
        }
        for key in ["dependencies", "dependentRequired", "dependentSchemas"] {
            guard let json = keywords[key] else { continue }
            guard let members = json.object?.members else { throw keywords.malformed(key, "an object") }
            for member in members {
                if key != "dependentSchemas", member.value.array != nil || (key == "dependencies" && member.value.string != nil) {
                    let names = try member.value.string.map { [$0] } ?? keywords.strings(member.value, key)
                    try apply(member.key, requires: names)
                } else if key != "dependentRequired", keywords.isSchema(member.value) {
                    let consequence = try record(term(source.child(keywords.node, key, member.key, json: member.value)))
                    try apply(member.key, consequence.objects)
                } else {
                    throw keywords.malformed(key, "an object of names or schemas")
                }
            }
        }
    }
}
