import HadalCore

extension SchemaWriter {
    /// nil where the shape allows no object.
    func object(_ shape: ObjectShape) throws -> Symbol? {
        if let known = objectSymbols[shape] { return known }
        var alternatives: [[Symbol]] = []
        for resolved in try resolvingNeeds(of: shape) {
            guard let members = try members(of: resolved) else { continue }
            var writer = ObjectRules(writer: self, members: members)
            alternatives += try writer.alternatives(minimum: resolved.minimum, maximum: resolved.maximum)
        }
        if alternatives.isEmpty { return nil }
        let symbol = grammar.rule(alternatives)
        objectSymbols[shape] = symbol
        return symbol
    }

    /// Where a named property could be what is needed, either it is, or another is.
    private func resolvingNeeds(of shape: ObjectShape) throws -> [ObjectShape] {
        guard let need = shape.needs.last else { return [shape] }
        var without = shape
        without.needs.removeLast()
        var result: [ObjectShape] = []
        for index in shape.properties.indices where compiler.strings.contains(need.names, shape.properties[index].name.text) {
            var named = without
            named.properties[index].term = compiler.terms.intersection(named.properties[index].term, need.term)
            named.properties[index].isRequired = true
            if try compiler.isEmpty(named.properties[index].term) { continue }
            result += try resolvingNeeds(of: named)
        }
        for var other in try resolvingNeeds(of: without) {
            other.needs.append(need)
            result.append(other)
        }
        return try compiler.checked(result)
    }

    /// nil where a required property can have no value.
    private func members(of shape: ObjectShape) throws -> ObjectMembers? {
        try compiler.spend(shape.properties.count)
        let strings = compiler.strings
        var members = ObjectMembers()
        for property in shape.properties {
            guard let value = try symbol(property.term) else {
                if property.isRequired { return nil }
                continue
            }
            let symbols = [key(strings.finite([property.name.text])), value]
            if property.isListed {
                members.listed.append(.init(symbols: symbols, isRequired: property.isRequired))
            } else if property.isRequired {
                members.required.append(.init(symbols: symbols, requirements: 1 << members.requirementCount))
                members.requirementCount += 1
            } else {
                members.others.append(symbols)
            }
        }
        let unnamed = shape.properties.isEmpty ? strings.all : strings.complement(strings.finite(shape.properties.map(\.name.text)))
        for group in shape.groups {
            let names = strings.intersection(group.names, unnamed)
            if strings.isEmpty(names) { continue }
            if let value = try symbol(group.term) { members.others.append([key(names), value]) }
        }
        guard members.requirementCount + shape.needs.count <= 60 else {
            throw compiler.source.error(
                .limitExceeded, "an object requires too many properties that it does not list", at: SchemaSource.root)
        }
        members.namedCount = members.requirementCount
        // A member may be several of those needed at once.
        let needs = shape.needs
        for choice in 1..<max(1, 1 << min(needs.count, 4)) {
            var names = unnamed
            var term = SchemaTerms.all
            for (index, need) in needs.enumerated() where choice >> index & 1 == 1 {
                names = strings.intersection(names, need.names)
                term = compiler.terms.intersection(term, need.term)
            }
            try add(choice << members.requirementCount, names, term)
        }
        for (index, need) in needs.enumerated().dropFirst(4) {
            try add(1 << (members.requirementCount + index), strings.intersection(unnamed, need.names), need.term)
        }
        func add(_ requirements: Int, _ names: StringSets.ID, _ term: SchemaTerms.ID) throws {
            for group in shape.groups {
                let names = strings.intersection(group.names, names)
                if strings.isEmpty(names) { continue }
                guard let value = try symbol(compiler.terms.intersection(group.term, term)) else { continue }
                members.required.append(.init(symbols: [key(names), value], requirements: requirements))
            }
        }
        members.requirementCount += needs.count
        return members
    }
}
