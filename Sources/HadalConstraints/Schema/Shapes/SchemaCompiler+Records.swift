import HadalCore

/// Intersection, union and complement of records. Scalars have them exactly; arrays and objects are unions of shapes.
extension SchemaCompiler {
    func intersection(_ a: SchemaRecord, _ b: SchemaRecord) throws -> SchemaRecord {
        SchemaRecord(
            allowsNull: a.allowsNull && b.allowsNull, allowsFalse: a.allowsFalse && b.allowsFalse, allowsTrue: a.allowsTrue && b.allowsTrue,
            numbers: try checked(a.numbers.intersection(b.numbers)), strings: strings.intersection(a.strings, b.strings),
            arrays: try intersection(a.arrays, b.arrays), objects: try intersection(a.objects, b.objects),
            isPartial: a.isPartial || b.isPartial)
    }

    func union(_ a: SchemaRecord, _ b: SchemaRecord) throws -> SchemaRecord {
        SchemaRecord(
            allowsNull: a.allowsNull || b.allowsNull, allowsFalse: a.allowsFalse || b.allowsFalse, allowsTrue: a.allowsTrue || b.allowsTrue,
            numbers: try checked(a.numbers.union(b.numbers)), strings: strings.union(a.strings, b.strings),
            arrays: try union(a.arrays, b.arrays), objects: try union(a.objects, b.objects), isPartial: a.isPartial || b.isPartial)
    }

    func complement(_ a: SchemaRecord) throws -> SchemaRecord {
        guard !a.isPartial else { throw tooManyAlternatives() }
        var arrays = [ArrayShape.any]
        for shape in a.arrays { arrays = try intersection(arrays, try complement(shape)) }
        var objects = [ObjectShape.any(strings)]
        for shape in a.objects { objects = try intersection(objects, complement(shape)) }
        return SchemaRecord(
            allowsNull: !a.allowsNull, allowsFalse: !a.allowsFalse, allowsTrue: !a.allowsTrue, numbers: try checked(a.numbers.complement),
            strings: strings.complement(a.strings), arrays: arrays, objects: objects)
    }

    func checked(_ numbers: NumberSet) throws -> NumberSet {
        guard numbers.intervalCount <= NumberSet.maximumIntervals else {
            throw source.error(.limitExceeded, "the schema has too many ranges of numbers", at: SchemaSource.root)
        }
        return numbers
    }

    func checked<Shape: Hashable>(_ shapes: [Shape]) throws -> [Shape] {
        guard shapes.count <= limits.alternatives else { throw tooManyAlternatives() }
        return shapes
    }

    func tooManyAlternatives() -> HadalError {
        source.error(.limitExceeded, "the schema has more than \(limits.alternatives) alternatives", at: SchemaSource.root)
    }

    private func union(_ a: [ArrayShape], _ b: [ArrayShape]) throws -> [ArrayShape] {
        if a.isEmpty || b.isEmpty { return a.isEmpty ? b : a }
        if let any = (a + b).first(where: { $0.isAny && !source.usesUnevaluated }) { return [any] }
        let known = Set(a)
        return try checked(a + b.filter { !known.contains($0) })
    }

    private func union(_ a: [ObjectShape], _ b: [ObjectShape]) throws -> [ObjectShape] {
        if a.isEmpty || b.isEmpty { return a.isEmpty ? b : a }
        if let any = (a + b).first(where: { $0.isAny && !source.usesUnevaluated }) { return [any] }
        let known = Set(a)
        return try checked(a + b.filter { !known.contains($0) })
    }

    func intersection(_ a: [ArrayShape], _ b: [ArrayShape]) throws -> [ArrayShape] {
        if a.isEmpty || b == [.any] { return a }
        if b.isEmpty || a == [.any] { return b }
        let mustPrune = a.count > 1 || b.count > 1
        var result: Set<ArrayShape> = []
        var ordered: [ArrayShape] = []
        for x in a {
            for y in b {
                guard let both = try intersection(x, y), try !mustPrune || !isEmpty(both) else { continue }
                if result.insert(both).inserted { ordered.append(both) }
                _ = try checked(ordered)
            }
        }
        return ordered
    }

    func intersection(_ a: [ObjectShape], _ b: [ObjectShape]) throws -> [ObjectShape] {
        if a.isEmpty || b == [.any(strings)] { return a }
        if b.isEmpty || a == [.any(strings)] { return b }
        let mustPrune = a.count > 1 || b.count > 1
        var result: Set<ObjectShape> = []
        var ordered: [ObjectShape] = []
        for x in a {
            for y in b {
                if mustPrune, try areDisjoint(x, y) { continue }
                guard let both = try intersection(x, y), try !mustPrune || !isEmpty(both) else { continue }
                if result.insert(both).inserted { ordered.append(both) }
                _ = try checked(ordered)
            }
        }
        return ordered
    }
}
