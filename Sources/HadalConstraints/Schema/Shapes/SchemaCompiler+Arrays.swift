import HadalCore

extension SchemaCompiler {
    /// nil where nothing is in both.
    func intersection(_ a: ArrayShape, _ b: ArrayShape) throws -> ArrayShape? {
        try spend(1 + a.prefix.count + b.prefix.count)
        var result = ArrayShape()
        result.minimum = max(a.minimum, b.minimum)
        result.maximum = [a.maximum, b.maximum].compactMap { $0 }.min()
        for index in 0..<max(a.prefix.count, b.prefix.count) {
            result.prefix.append(terms.intersection(a.item(index), b.item(index)))
        }
        result.rest = terms.intersection(a.rest, b.rest)
        result.containments = a.containments + b.containments.filter { !a.containments.contains($0) }
        result.unique = a.unique ?? b.unique
        result.evaluated = max(a.evaluated, b.evaluated)
        return normalised(result)
    }

    /// The same arrays with bounds that say all that is known; nil where there are none.
    func normalised(_ shape: ArrayShape) -> ArrayShape? {
        var shape = shape
        var counted: [ArrayShape.Containment] = []
        for containment in shape.containments {
            if containment.minimum <= 0 && containment.maximum == nil { continue }
            if containment.minimum > containment.maximum ?? .max { return nil }
            guard containment.maximum == 0 else {
                shape.minimum = max(shape.minimum, containment.from + containment.minimum)
                if containment.minimum > 0 || containment.maximum != nil { counted.append(containment) }
                continue
            }
            // None of them: every item is something else.
            let other = terms.complement(containment.term)
            while shape.prefix.count < containment.from { shape.prefix.append(shape.rest) }
            for index in containment.from..<shape.prefix.count { shape.prefix[index] = terms.intersection(shape.prefix[index], other) }
            shape.rest = terms.intersection(shape.rest, other)
        }
        shape.containments = counted
        if shape.rest == SchemaTerms.none { shape.maximum = min(shape.maximum ?? .max, shape.prefix.count) }
        if let end = shape.prefix.firstIndex(of: SchemaTerms.none) { shape.maximum = min(shape.maximum ?? .max, end) }
        if let maximum = shape.maximum, maximum < shape.prefix.count { shape.prefix.removeLast(shape.prefix.count - maximum) }
        while shape.prefix.last == shape.rest { shape.prefix.removeLast() }
        if let maximum = shape.maximum, shape.minimum > maximum { return nil }
        if shape.maximum ?? .max <= 1 { shape.unique = nil }
        return shape
    }

    func complement(_ shape: ArrayShape) throws -> [ArrayShape] {
        if let unique = shape.unique {
            throw source.error(.unsupported, "arrays with equal items are not supported", at: unique, key: "uniqueItems")
        }
        var result: [ArrayShape] = []
        if shape.minimum > 0 { result.append(ArrayShape(maximum: shape.minimum - 1)) }
        if let maximum = shape.maximum { result.append(ArrayShape(minimum: maximum + 1)) }
        for (index, term) in shape.prefix.enumerated() where term != SchemaTerms.all {
            let prefix = Array(repeating: SchemaTerms.all, count: index) + [terms.complement(term)]
            result.append(ArrayShape(prefix: prefix, minimum: index + 1))
        }
        if shape.rest != SchemaTerms.all {
            result.append(ArrayShape(containments: [.init(term: terms.complement(shape.rest), from: shape.prefix.count)]))
        }
        for containment in shape.containments {
            if containment.minimum > 0 {
                var fewer = containment
                fewer.minimum = 0
                fewer.maximum = containment.minimum - 1
                result.append(ArrayShape(containments: [fewer]))
            }
            if let maximum = containment.maximum {
                var more = containment
                more.minimum = maximum + 1
                more.maximum = nil
                result.append(ArrayShape(containments: [more]))
            }
        }
        try spend(result.count)
        return result.compactMap { normalised($0) }
    }

    func isEmpty(_ shape: ArrayShape) throws -> Bool {
        if let maximum = shape.maximum, shape.minimum > maximum { return true }
        for index in 0..<min(shape.minimum, shape.prefix.count + 1) where try isEmpty(shape.item(index)) { return true }
        for containment in shape.containments where containment.minimum > 0 {
            let places = shape.prefix.dropFirst(containment.from) + [shape.rest]
            if try places.allSatisfy({ try isEmpty(terms.intersection($0, containment.term)) }) { return true }
        }
        return false
    }
}
