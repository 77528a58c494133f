import HadalCore

extension SchemaCompiler {
    /// Alternatives that one alternative may be divided into.
    private static let maximumParts = 100

    /// What exactly one of some records allows.
    func exactlyOne(_ records: [SchemaRecord]) throws -> SchemaRecord {
        if records.count == 1 { return records[0] }
        guard !records.contains(where: \.isPartial) else { throw tooManyAlternatives() }
        var result = SchemaRecord.none(strings)
        result.allowsNull = records.count { $0.allowsNull } == 1
        result.allowsTrue = records.count { $0.allowsTrue } == 1
        result.allowsFalse = records.count { $0.allowsFalse } == 1
        result.numbers = try exactlyOne(records.map(\.numbers))
        result.strings = exactlyOne(records.map(\.strings))
        let arrays = records.map(\.arrays)
        for (index, shapes) in arrays.enumerated() {
            for shape in shapes {
                result.arrays = try checked(result.arrays + excluding(shape, arrays, at: index))
            }
        }
        let objects = records.map(\.objects)
        if try areTold(objects) {
            result.objects = try checked(objects.flatMap { $0 })
            return result
        }
        for (index, shapes) in objects.enumerated() {
            for shape in shapes {
                let parts: [ObjectShape]
                if let all = try excluding(shape, objects, at: index, complement: { complement($0) }) {
                    parts = all
                } else {
                    // What the others do not allow, in too many ways: kept is that a property they require is not there.
                    result.isPartial = true
                    parts = try excluding(shape, objects, at: index) { complement($0).filter(\.onlyForbids) } ?? []
                }
                result.objects = try checked(result.objects + parts)
            }
        }
        return result
    }

    /// Whether all alternatives require a property that is a string of its own in each.
    ///
    /// The common case of many alternatives, which would be compared each with each.
    private func areTold(_ alternatives: [[ObjectShape]]) throws -> Bool {
        guard let first = alternatives.first(where: { !$0.isEmpty })?.first else { return true }
        for property in first.properties where property.isRequired {
            var owners: [ExactString: Int] = [:]
            var isTold = true
            for (index, shapes) in alternatives.enumerated() where isTold {
                for shape in shapes where isTold {
                    try spend(shape.properties.count)
                    guard let own = shape.properties.first(where: { $0.name == property.name }), own.isRequired,
                        let values = try stringValues(own.term)
                    else {
                        isTold = false
                        continue
                    }
                    for value in values where owners.updateValue(index, forKey: value) ?? index != index { isTold = false }
                }
            }
            if isTold { return true }
        }
        return false
    }

    /// The values of a term that has finitely many, all of them strings.
    private func stringValues(_ term: SchemaTerms.ID) throws -> [ExactString]? {
        openQuestions += 1
        defer { openQuestions -= 1 }
        do {
            let record = try record(term)
            guard !record.allowsNull, !record.allowsTrue, !record.allowsFalse, record.numbers.isEmpty, record.arrays.isEmpty,
                record.objects.isEmpty, !record.isPartial
            else { return nil }
            return strings.members(record.strings)
        } catch is Unknown {
            return nil
        } catch let error as HadalError where error.code != .limitExceeded {
            return nil
        }
    }

    private func exactlyOne(_ sets: [NumberSet]) throws -> NumberSet {
        var once = NumberSet.none
        var seen = NumberSet.none
        for set in sets where !set.isEmpty {
            if try checked(seen.intersection(set)).isEmpty {
                once = once.union(set)
            } else {
                let kept = try checked(once.intersection(try checked(set.complement)))
                once = try checked(kept.union(set.intersection(try checked(seen.complement))))
            }
            seen = seen.union(set)
        }
        return try checked(once)
    }

    private func exactlyOne(_ sets: [StringSets.ID]) -> StringSets.ID {
        let lists = sets.compactMap { strings.members($0) }
        if lists.count == sets.count {
            var counts: [ExactString: Int] = [:]
            for list in lists { for string in list { counts[string, default: 0] += 1 } }
            return strings.finite(counts.filter { $0.value == 1 }.map(\.key.text))
        }
        var once = strings.none
        var seen = strings.none
        for set in sets where set != strings.none {
            if strings.isEmpty(strings.intersection(seen, set)) {
                once = strings.union(once, set)
            } else {
                let kept = strings.intersection(once, strings.complement(set))
                once = strings.union(kept, strings.intersection(set, strings.complement(seen)))
            }
            seen = strings.union(seen, set)
        }
        return once
    }

    /// The parts of a shape that no shape of the other alternatives has.
    private func excluding(_ shape: ArrayShape, _ all: [[ArrayShape]], at own: Int) throws -> [ArrayShape] {
        var parts = [shape]
        for (index, others) in all.enumerated() where index != own {
            for other in others {
                var next: [ArrayShape] = []
                for part in parts {
                    guard let both = try intersection(part, other), try !isEmpty(both) else {
                        next.append(part)
                        continue
                    }
                    next += try intersection([part], try complement(other))
                }
                parts = try checked(next)
            }
        }
        return parts
    }

    private func excluding(
        _ shape: ObjectShape, _ all: [[ObjectShape]], at own: Int, complement: (ObjectShape) -> [ObjectShape]
    ) throws -> [ObjectShape]? {
        var parts = [shape]
        for (index, others) in all.enumerated() where index != own {
            for other in others {
                var next: [ObjectShape] = []
                for part in parts {
                    if try areDisjoint(part, other) {
                        next.append(part)
                        continue
                    }
                    guard let both = try intersection(part, other), try !isEmpty(both) else {
                        next.append(part)
                        continue
                    }
                    next += try intersection([part], complement(other))
                    if next.count > SchemaCompiler.maximumParts { return nil }
                }
                parts = next
            }
        }
        return parts
    }
}
