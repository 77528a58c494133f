/// Bounds on the length of a text, counted beside what the text must be. An intersection with a repetition would have other derivatives
/// after every character, each of which behaves differently as far as can be seen from its parts; here it is known where it does not.
extension RegexArena {
    /// - Parameters:
    ///   - part: what is left of a unit that has begun, `empty` between units.
    ///   - maximum: -1 for none.
    mutating func counted(_ text: Int32, part: Int32, unit: Int32, minimum: Int32, maximum: Int32) -> Int32 {
        if text == RegexArena.nothing || part == RegexArena.nothing || maximum >= 0 && minimum > maximum { return RegexArena.nothing }
        if minimum == 0, maximum < 0 { return text }
        if part == RegexArena.empty, text == RegexArena.empty || maximum == 0 {
            return minimum == 0 && isNullable[Int(text)] ? RegexArena.empty : RegexArena.nothing
        }
        if let rest = behind(part, text), case .repetition(unit, 0, -1) = node(rest) {
            return concatenation(part, repetition(unit, minimum: minimum, maximum: maximum))
        }
        return intern(.counted(text: text, part: part, unit: unit, minimum: minimum, maximum: maximum))
    }

    /// What follows `part` in a text, where it is written so.
    private func behind(_ part: Int32, _ text: Int32) -> Int32? {
        if part == RegexArena.empty { return text }
        if case .concatenation(part, let rest) = node(text) { return rest }
        return nil
    }

    /// Whether the bounds keep no text from being completed that is at most `length` bytes and begins a match of `text`.
    ///
    /// Units are at least a byte long, so that such a text and its completion are at most as many units as bytes.
    func isUnlimited(_ text: Int32, _ minimum: Int32, _ maximum: Int32, within length: Int32) -> Bool {
        let longest = Int64(completions[Int(text)]) + Int64(length)
        guard longest < Int64(RegexArena.unbounded), maximum < 0 || longest <= Int64(maximum) else { return false }
        if minimum == 0 { return true }
        // By steps of this size the minimum is reached without passing over the maximum.
        let growth = growths[Int(text)]
        return growth < RegexArena.unbounded && (maximum < 0 || maximum - minimum >= growth)
    }

    /// See `completions`. By induction over the expression, for its strings alone: derivatives may be written in any way.
    func completion(_ node: RegexNode) -> Int32 {
        func sum(_ a: Int32, _ b: Int32) -> Int32 { min(a &+ b, RegexArena.unbounded) }
        switch node {
        case .nothing, .empty: return 0
        case .set: return 1
        case .concatenation(let a, let b): return max(sum(completions[Int(a)], distances[Int(b)]), completions[Int(b)])
        case .union(let members): return members.reduce(0) { max($0, completions[Int($1)]) }
        case .repetition(let inner, let minimum, _):
            let further = Int64(distances[Int(inner)]) * Int64(max(minimum - 1, 0))
            return Int32(min(Int64(completions[Int(inner)]) + further, Int64(RegexArena.unbounded)))
        case .intersection, .complement, .counted: return RegexArena.unbounded
        }
    }

    /// See `growths`.
    func growth(_ node: RegexNode) -> Int32 {
        switch node {
        case .nothing, .empty, .set, .intersection, .complement, .counted: return RegexArena.unbounded
        case .concatenation(_, let b): return growths[Int(b)]
        case .union(let members): return members.reduce(0) { max($0, growths[Int($1)]) }
        case .repetition(let inner, let minimum, let maximum):
            let (once, within) = (distances[Int(inner)], growths[Int(inner)])
            // What may be left out entirely does not grow from its shortest match, unless by once more of it.
            let last = minimum > 0 || once == 0 ? within : RegexArena.unbounded
            return maximum < 0 && once > 0 && isPositive[Int(inner)] ? min(once, last) : last
        }
    }

    func countedFingerprint(_ node: RegexNode, _ horizon: Int) -> RegexFingerprint {
        guard case .counted(let text, let part, let unit, let minimum, let maximum) = node else { return RegexFingerprint(0) }
        let exact = RegexArena.horizons.count - 1
        let limit = RegexArena.horizons[horizon]
        let isAlike = horizon != exact && isUnlimited(text, minimum, maximum, within: limit)
        // What can be completed at all is what the text allows, and where a match can end the minimum alone decides.
        if isAlike, minimum == 0 { return fingerprint(text, horizon: horizon) }
        var result = RegexFingerprint(9)
        result.combine(fingerprint(text, horizon: isAlike ? horizon : exact))
        result.combine(UInt64(isAlike ? min(minimum, limit + 1) : minimum))
        if isAlike, minimum > limit { return result }
        result.combine(fingerprint(part, horizon: exact))
        result.combine(fingerprint(unit, horizon: exact))
        result.combine(isAlike || maximum < 0 ? UInt64.max : UInt64(maximum))
        return result
    }
}
