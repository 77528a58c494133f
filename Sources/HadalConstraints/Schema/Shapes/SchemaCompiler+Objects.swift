import HadalCore

extension SchemaCompiler {
    /// What the value of a property without an entry of its own must be.
    func groupTerm(_ shape: ObjectShape, _ name: ExactString) -> SchemaTerms.ID {
        if shape.groups.count == 1 { return shape.groups[0].term }
        return shape.groups.first { strings.contains($0.names, name.text) }?.term ?? SchemaTerms.all
    }

    /// nil where nothing is in both.
    func intersection(_ a: ObjectShape, _ b: ObjectShape) throws -> ObjectShape? {
        try spend(1 + a.properties.count + b.properties.count)
        var result = ObjectShape(groups: [], evaluated: strings.union(a.evaluated, b.evaluated))
        result.minimum = max(a.minimum, b.minimum)
        result.maximum = [a.maximum, b.maximum].compactMap { $0 }.min()
        var others: [ExactString: Int] = [:]
        for (index, property) in b.properties.enumerated() { others[property.name] = index }
        // A property stands where it is listed first; the unlisted come last.
        var inOrderOfB: [Int: ObjectShape.Property] = [:]
        var unlisted: [ObjectShape.Property] = []
        for property in a.properties {
            var both = property
            let index = others.removeValue(forKey: property.name)
            if let index {
                let other = b.properties[index]
                both.term = terms.intersection(property.term, other.term)
                both.isRequired = property.isRequired || other.isRequired
                both.isListed = property.isListed || other.isListed
            } else {
                both.term = terms.intersection(property.term, groupTerm(b, property.name))
            }
            if both.isRequired && both.term == SchemaTerms.none { return nil }
            if property.isListed {
                result.properties.append(both)
            } else if both.isListed, let index {
                inOrderOfB[index] = both
            } else {
                unlisted.append(both)
            }
        }
        for (index, property) in b.properties.enumerated() {
            if let both = inOrderOfB[index] { result.properties.append(both) }
            guard others[property.name] != nil else { continue }
            var both = property
            both.term = terms.intersection(groupTerm(a, property.name), property.term)
            if both.isRequired && both.term == SchemaTerms.none { return nil }
            if both.isListed { result.properties.append(both) } else { unlisted.append(both) }
        }
        result.properties += unlisted
        result.groups = try intersection(a.groups, b.groups)
        result.needs = a.needs + b.needs.filter { !a.needs.contains($0) }
        if let maximum = result.maximum, max(result.minimum, result.requiredCount) > maximum { return nil }
        return result
    }

    private func intersection(_ a: [ObjectShape.Group], _ b: [ObjectShape.Group]) throws -> [ObjectShape.Group] {
        if a.count == 1 && b.count == 1 {
            return [.init(names: strings.intersection(a[0].names, b[0].names), term: terms.intersection(a[0].term, b[0].term))]
        }
        var result: [ObjectShape.Group] = []
        for x in a {
            for y in b {
                let names = strings.intersection(x.names, y.names)
                if strings.isEmpty(names) { continue }
                result.append(.init(names: names, term: terms.intersection(x.term, y.term)))
                try spend(1)
            }
        }
        guard result.count <= 64 else {
            throw source.error(.limitExceeded, "the schema has too many patterns of property names", at: SchemaSource.root)
        }
        return result
    }

    func complement(_ shape: ObjectShape) -> [ObjectShape] {
        let any = ObjectShape.any(strings)
        var result: [ObjectShape] = []
        for property in shape.properties {
            var other = property
            // What a schema forbids gives no order to what is allowed.
            other.isListed = false
            if property.isRequired {
                other.isRequired = false
                other.term = SchemaTerms.none
                result.append(with(any, [other]))
            }
            if property.term != SchemaTerms.all {
                other.isRequired = true
                other.term = terms.complement(property.term)
                if other.term != SchemaTerms.none { result.append(with(any, [other])) }
            }
        }
        let unnamed = shape.properties.isEmpty ? strings.all : strings.complement(strings.finite(shape.properties.map(\.name.text)))
        for group in shape.groups where group.term != SchemaTerms.all {
            let names = strings.intersection(group.names, unnamed)
            if strings.isEmpty(names) { continue }
            var other = any
            other.needs = [.init(names: names, term: terms.complement(group.term))]
            result.append(other)
        }
        for need in shape.needs {
            var other = any
            other.groups = [
                .init(names: need.names, term: terms.complement(need.term)),
                .init(names: strings.complement(need.names), term: SchemaTerms.all),
            ]
            result.append(other)
        }
        if shape.minimum > 0 {
            var other = any
            other.maximum = shape.minimum - 1
            result.append(other)
        }
        if let maximum = shape.maximum {
            var other = any
            other.minimum = maximum + 1
            result.append(other)
        }
        return result
    }

    private func with(_ shape: ObjectShape, _ properties: [ObjectShape.Property]) -> ObjectShape {
        var shape = shape
        shape.properties = properties
        return shape
    }

    /// Whether a property that one of the two requires cannot have a value for both.
    func areDisjoint(_ a: ObjectShape, _ b: ObjectShape) throws -> Bool {
        try spend(1 + a.properties.count + b.properties.count)
        var others: [ExactString: ObjectShape.Property] = [:]
        for property in b.properties { others[property.name] = property }
        for property in a.properties {
            let other = others.removeValue(forKey: property.name)
            guard property.isRequired || other?.isRequired == true else { continue }
            let both = terms.intersection(property.term, other?.term ?? groupTerm(b, property.name))
            if try isEmpty(both) { return true }
        }
        for property in b.properties where property.isRequired && others[property.name] != nil {
            if try isEmpty(terms.intersection(property.term, groupTerm(a, property.name))) { return true }
        }
        return false
    }

    func isEmpty(_ shape: ObjectShape) throws -> Bool {
        if let maximum = shape.maximum, max(shape.minimum, shape.requiredCount) > maximum { return true }
        for property in shape.properties where try property.isRequired && isEmpty(property.term) { return true }
        for need in shape.needs {
            let named = try shape.properties.contains {
                try strings.contains(need.names, $0.name.text) && !isEmpty(terms.intersection($0.term, need.term))
            }
            if named { continue }
            let grouped = try shape.groups.contains {
                try !strings.isEmpty(strings.intersection($0.names, need.names)) && !isEmpty(terms.intersection($0.term, need.term))
            }
            if !grouped { return true }
        }
        guard shape.minimum > 0, shape.groups.allSatisfy({ $0.term == SchemaTerms.none }) else { return false }
        return shape.properties.count { $0.term != SchemaTerms.none } < shape.minimum
    }
}
