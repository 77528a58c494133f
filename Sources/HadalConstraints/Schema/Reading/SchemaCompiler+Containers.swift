import HadalCore

/// Keywords of arrays and objects.
extension SchemaCompiler {
    func arrays(_ keywords: SchemaKeywords) throws -> [ArrayShape] {
        var shape = ArrayShape()
        var evaluated = 0
        if keywords["prefixItems"] != nil {
            guard source.dialect == .draft202012 else {
                throw keywords.unsupported("prefixItems", "the schema's version does not have this keyword")
            }
            shape.prefix = (try keywords.schemas("prefixItems") ?? []).map { term($0) }
            evaluated = shape.prefix.count
        }
        if keywords["items"]?.array != nil {
            guard shape.prefix.isEmpty else { throw keywords.malformed("items", "a schema") }
            shape.prefix = (try keywords.schemas("items") ?? []).map { term($0) }
            evaluated = shape.prefix.count
            if let rest = try keywords.schema("additionalItems") {
                shape.rest = term(rest)
                evaluated = .max
            }
        } else if let rest = try keywords.schema("items") {
            shape.rest = term(rest)
            evaluated = .max
        }
        if source.usesUnevaluated { shape.evaluated = evaluated }
        shape.minimum = try keywords.count("minItems") ?? 0
        shape.maximum = try keywords.count("maxItems")
        if let contained = try keywords.schema("contains") {
            if containmentNodes[term(contained)] == nil { containmentNodes[term(contained)] = keywords.node }
            let minimum = try keywords.count("minContains") ?? 1
            shape.containments = [.init(term: term(contained), minimum: minimum, maximum: try keywords.count("maxContains"))]
        }
        if let unique = keywords["uniqueItems"] {
            guard let value = unique.bool else { throw keywords.malformed("uniqueItems", "a boolean") }
            if value { shape.unique = keywords.node }
        }
        return normalised(shape).map { [$0] } ?? []
    }

    func objects(_ keywords: SchemaKeywords) throws -> [ObjectShape] {
        var shape = ObjectShape.any(strings)
        let properties = try keywords.namedSchemas("properties") ?? []
        let patterns = try keywords.namedSchemas("patternProperties") ?? []
        let additional = try keywords.schema("additionalProperties").map { term($0) }
        var patternSets: [(names: StringSets.ID, term: SchemaTerms.ID)] = []
        for (pattern, node) in patterns {
            let names = try matching(pattern) { code, message in
                source.error(code, message, at: source.nodes[node].pointer, source.nodes[node].json)
            }
            patternSets.append((names, term(node)))
        }
        shape.groups = try groups(patternSets, additional: additional ?? SchemaTerms.all)
        for (name, node) in properties {
            var value = term(node)
            for (names, term) in patternSets where strings.contains(names, name) { value = terms.intersection(value, term) }
            shape.properties.append(.init(name: ExactString(name), term: value))
        }
        try require(try keywords.strings("required") ?? [], in: &shape)
        shape.minimum = try keywords.count("minProperties") ?? 0
        shape.maximum = try keywords.count("maxProperties")
        if let names = try keywords.schema("propertyNames") { try restrict(&shape, names: try record(term(names)).strings) }
        if source.usesUnevaluated {
            shape.evaluated = additional != nil ? strings.all : strings.finite(properties.map(\.name))
            for (names, _) in patternSets { shape.evaluated = strings.union(shape.evaluated, names) }
        }
        try spend(shape.properties.count)
        if shape.properties.contains(where: { $0.isRequired && $0.term == SchemaTerms.none }) { return [] }
        if let maximum = shape.maximum, max(shape.minimum, shape.requiredCount) > maximum { return [] }
        return [shape]
    }

    /// The names that patterns divide all names into.
    private func groups(
        _ patterns: [(names: StringSets.ID, term: SchemaTerms.ID)], additional: SchemaTerms.ID
    ) throws -> [ObjectShape.Group] {
        var groups: [(names: StringSets.ID, term: SchemaTerms.ID, isMatched: Bool)] = [(strings.all, SchemaTerms.all, false)]
        for (names, term) in patterns {
            var divided: [(names: StringSets.ID, term: SchemaTerms.ID, isMatched: Bool)] = []
            let others = strings.complement(names)
            for group in groups {
                let matched = strings.intersection(group.names, names)
                if !strings.isEmpty(matched) { divided.append((matched, terms.intersection(group.term, term), true)) }
                let unmatched = strings.intersection(group.names, others)
                if !strings.isEmpty(unmatched) { divided.append((unmatched, group.term, group.isMatched)) }
                try spend(1)
            }
            groups = divided
            guard groups.count <= 64 else {
                throw source.error(.limitExceeded, "the schema has too many patterns of property names", at: SchemaSource.root)
            }
        }
        return groups.map { .init(names: $0.names, term: $0.isMatched ? $0.term : additional) }
    }

    private func require(_ names: [String], in shape: inout ObjectShape) throws {
        guard !names.isEmpty else { return }
        var known: [ExactString: Int] = [:]
        for (index, property) in shape.properties.enumerated() { known[property.name] = index }
        for name in names.map({ ExactString($0) }) {
            if let index = known[name] {
                shape.properties[index].isRequired = true
            } else {
                known[name] = shape.properties.count
                shape.properties.append(.init(name: name, term: groupTerm(shape, name), isRequired: true, isListed: false))
            }
        }
    }

    private func restrict(_ shape: inout ObjectShape, names: StringSets.ID) throws {
        if names == strings.all { return }
        for index in shape.properties.indices where !strings.contains(names, shape.properties[index].name.text) {
            shape.properties[index].term = SchemaTerms.none
        }
        let others = strings.complement(names)
        var groups: [ObjectShape.Group] = []
        for group in shape.groups {
            let inside = strings.intersection(group.names, names)
            if !strings.isEmpty(inside) { groups.append(.init(names: inside, term: group.term)) }
            let outside = strings.intersection(group.names, others)
            if !strings.isEmpty(outside) { groups.append(.init(names: outside, term: SchemaTerms.none)) }
        }
        shape.groups = groups
    }

    /// Keywords that look at what the others left.
    func applyUnevaluated(_ keywords: SchemaKeywords, to result: inout SchemaRecord) throws {
        if let node = try keywords.schema("unevaluatedProperties") {
            let rest = term(node)
            for index in result.objects.indices {
                var restriction = ObjectShape.any(strings)
                let others = strings.complement(result.objects[index].evaluated)
                restriction.groups = [
                    .init(names: result.objects[index].evaluated, term: SchemaTerms.all), .init(names: others, term: rest),
                ].filter { !strings.isEmpty($0.names) }
                restriction.evaluated = strings.all
                guard let shape = try intersection(result.objects[index], restriction) else {
                    result.objects[index].maximum = 0
                    result.objects[index].minimum = 1
                    continue
                }
                result.objects[index] = shape
            }
            result.objects.removeAll { $0.minimum > $0.maximum ?? .max }
        }
        if let node = try keywords.schema("unevaluatedItems") {
            let rest = term(node)
            result.arrays = try result.arrays.compactMap { shape in
                guard shape.containments.isEmpty || source.dialect != .draft202012 || rest == SchemaTerms.all else {
                    throw keywords.unsupported("unevaluatedItems", "together with 'contains' this is not supported")
                }
                guard shape.evaluated < .max else { return shape }
                return try intersection(
                    shape, ArrayShape(prefix: Array(repeating: SchemaTerms.all, count: shape.evaluated), rest: rest, evaluated: .max))
            }
        }
    }
}
