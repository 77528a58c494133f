/// Derivatives of regular expressions over characters: enough to match short texts and to find an expression empty.
package enum CharacterDerivative {
    /// What may follow `scalar` in a text of the expression.
    static func derivative(_ regex: CharacterRegex, _ scalar: UInt32) -> CharacterRegex {
        switch regex {
        case .nothing, .empty: return .nothing
        case .set(let set): return set.contains(scalar) ? .empty : .nothing
        case .concatenation(let parts):
            var members: [CharacterRegex] = []
            for (index, part) in parts.enumerated() {
                let head = derivative(part, scalar)
                if head != .nothing { members.append(.joined([head] + parts[(index + 1)...])) }
                if !part.isNullable { break }
            }
            return union(members)
        case .union(let parts): return union(parts.map { derivative($0, scalar) })
        case .intersection(let parts):
            var members: [CharacterRegex] = []
            for part in parts {
                let next = derivative(part, scalar)
                if next == .nothing { return .nothing }
                if !members.contains(next) { members.append(next) }
            }
            return .all(of: members)
        case .complement(let inner):
            let next = derivative(inner, scalar)
            return next == .nothing ? .anyText : next == .anyText ? .nothing : .complement(next)
        case .repetition(let inner, let minimum, let maximum):
            if maximum == 0 { return .nothing }
            let head = derivative(inner, scalar)
            if head == .nothing { return .nothing }
            let rest =
                maximum == 1 ? .empty : CharacterRegex.repetition(inner, minimum: max(0, minimum - 1), maximum: maximum.map { $0 - 1 })
            return .joined([head, rest])
        }
    }

    private static func union(_ parts: [CharacterRegex]) -> CharacterRegex {
        var flat: [CharacterRegex] = []
        for part in parts where part != .nothing {
            if part == .anyText { return .anyText }
            if case .union(let inner) = part {
                for member in inner where !flat.contains(member) { flat.append(member) }
            } else if !flat.contains(part) {
                flat.append(part)
            }
        }
        if flat.contains(.anyText) { return .anyText }
        return flat.isEmpty ? .nothing : flat.count == 1 ? flat[0] : .union(flat)
    }

    package static func matches(_ regex: CharacterRegex, _ text: String) -> Bool {
        var state = regex
        for scalar in text.unicodeScalars {
            state = derivative(state, scalar.value)
            if state == .nothing { return false }
            if state == .anyText { return true }
        }
        return state.isNullable
    }

    /// Whether no text belongs to the expression; nil when the search for one was given up.
    ///
    /// - Parameter budget: how many parts of expressions are looked at.
    static func isEmpty(_ regex: CharacterRegex, budget: Int = 12_000) -> Bool? {
        if let answer = isPlainlyEmpty(regex) { return answer }
        var budget = budget
        var known: Set<CharacterRegex> = [regex]
        var pending = [regex]
        while let state = pending.popLast() {
            if state.isNullable { return false }
            var points: Set<UInt32> = [0]
            boundaries(state, &points)
            let size = size(state)
            for point in points {
                budget -= size
                if budget < 0 { return nil }
                let scalar = (0xD800...0xDFFF).contains(point) ? 0xE000 : point
                if scalar > ScalarSet.last { continue }
                let next = derivative(state, scalar)
                if let answer = isPlainlyEmpty(next) {
                    if answer { continue }
                    return false
                }
                if known.insert(next).inserted { pending.append(next) }
            }
        }
        return true
    }

    /// Expressions without intersections and complements show whether they are empty.
    private static func isPlainlyEmpty(_ regex: CharacterRegex) -> Bool? {
        switch regex {
        case .nothing: return true
        case .empty: return false
        case .set(let set): return set.isEmpty
        case .intersection, .complement: return nil
        case .repetition(let inner, let minimum, _): return minimum == 0 ? false : isPlainlyEmpty(inner)
        case .concatenation(let parts):
            var isKnown = true
            for part in parts {
                switch isPlainlyEmpty(part) {
                case true: return true
                case nil: isKnown = false
                default: continue
                }
            }
            return isKnown ? false : nil
        case .union(let parts):
            var isKnown = true
            for part in parts {
                switch isPlainlyEmpty(part) {
                case false: return false
                case nil: isKnown = false
                default: continue
                }
            }
            return isKnown ? true : nil
        }
    }

    private static func size(_ regex: CharacterRegex) -> Int {
        switch regex {
        case .nothing, .empty: 1
        case .set(let set): 1 + set.ranges.count / 8
        case .concatenation(let parts), .union(let parts), .intersection(let parts): parts.reduce(1) { $0 + size($1) }
        case .complement(let inner), .repetition(let inner, _, _): 1 + size(inner)
        }
    }

    /// The first characters of the stretches that the expression's sets divide the characters into.
    private static func boundaries(_ regex: CharacterRegex, _ points: inout Set<UInt32>) {
        switch regex {
        case .nothing, .empty: return
        case .set(let set):
            points.insert(0)
            for range in set.ranges {
                points.insert(range.lowerBound)
                points.insert(range.upperBound + 1)
            }
        case .concatenation(let parts):
            for part in parts {
                boundaries(part, &points)
                if !part.isNullable { break }
            }
        case .union(let parts), .intersection(let parts): for part in parts { boundaries(part, &points) }
        case .complement(let inner), .repetition(let inner, _, _): boundaries(inner, &points)
        }
    }
}
