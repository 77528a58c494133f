extension RegexArena {
    /// The counts of a repetition as far as texts up to a horizon can tell them: others behave alike.
    func counts(of inner: Int32, _ minimum: Int32, _ maximum: Int32, _ horizon: Int) -> (minimum: Int32, maximum: Int32) {
        let limit = RegexArena.horizons[horizon]
        if limit == .max { return (minimum, maximum) }
        // So often a text of the horizon's length can match the operand, but for matches of nothing.
        let most = isPositive[Int(inner)] ? limit / max(distances[Int(inner)], 1) : limit
        return (min(minimum, most + 1), maximum > most ? -1 : maximum)
    }

    /// An expression that behaves alike on texts up to a horizon, with fewer derivatives: without the bounds that lie beyond it.
    mutating func simplified(_ index: Int32, horizon: Int, depth: Int = 0) -> Int32 {
        // Nothing in it lies beyond the horizon, or too deep, where it may stay as it is.
        let exact = RegexArena.horizons.count - 1
        if depth > 50 || fingerprint(index, horizon: horizon) == fingerprint(index, horizon: exact) { return index }
        func inner(_ index: Int32) -> Int32 { simplified(index, horizon: horizon, depth: depth + 1) }
        switch node(index) {
        case .nothing, .empty, .set, .intersection, .complement: return index
        case .concatenation(let head, let tail):
            let simple = inner(head)
            return concatenation(simple, inner(tail))
        case .union(let members): return union(members.map { inner($0) })
        case .repetition(let operand, let minimum, let maximum):
            let counts = counts(of: operand, minimum, maximum, horizon)
            return repetition(inner(operand), minimum: counts.minimum, maximum: counts.maximum)
        case .counted(let text, let part, let unit, let minimum, let maximum):
            guard isUnlimited(text, minimum, maximum, within: RegexArena.horizons[horizon]) else { return index }
            return counted(
                inner(text), part: part, unit: unit, minimum: min(minimum, RegexArena.horizons[horizon] + 1), maximum: -1)
        }
    }
}
