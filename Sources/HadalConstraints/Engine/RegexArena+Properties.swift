// What is known of a node as soon as it is made, from what is known of its operands.
extension RegexArena {
    func properties(_ node: RegexNode) -> (nullable: Bool, positive: Bool, life: Life) {
        func nullable(_ index: Int32) -> Bool { isNullable[Int(index)] }
        func positive(_ index: Int32) -> Bool { isPositive[Int(index)] }
        let isEverything = nodes.count - 1 == RegexArena.everything
        switch node {
        case .nothing: return (false, true, .dead)
        case .empty: return (true, true, .alive)
        case .set: return (false, true, .alive)
        case .concatenation(let a, let b):
            let life: Life = self.life[Int(a)] == .alive && self.life[Int(b)] == .alive ? .alive : .unknown
            return (nullable(a) && nullable(b), positive(a) && positive(b), life)
        case .union(let members):
            let isAlive = members.contains { life[Int($0)] == .alive }
            return (members.contains(where: nullable), members.allSatisfy(positive), isAlive ? .alive : .unknown)
        case .intersection(let members):
            let isNullable = members.allSatisfy(nullable)
            return (isNullable, false, isNullable ? .alive : .unknown)
        case .complement(let inner):
            return (!nullable(inner), isEverything, !nullable(inner) ? .alive : .unknown)
        case .repetition(let inner, let minimum, _):
            let isNullable = minimum == 0 || nullable(inner)
            return (isNullable, positive(inner), isNullable ? .alive : life[Int(inner)])
        case .counted(let text, let part, _, let minimum, let maximum):
            let isNullable = minimum == 0 && part == RegexArena.empty && nullable(text)
            let isShort = minimum == 0 && positive(text) && distances[Int(text)] <= maximum
            let isAlive = isNullable || isShort || isUnlimited(text, minimum, maximum, within: 0)
            return (isNullable, false, isAlive ? .alive : self.life[Int(text)] == .dead ? .dead : .unknown)
        }
    }

    func distance(_ node: RegexNode) -> Int32 {
        func sum(_ a: Int32, _ b: Int32) -> Int32 { min(a &+ b, 1 << 29) }
        switch node {
        case .nothing: return 1 << 29
        case .empty: return 0
        case .set: return 1
        case .concatenation(let a, let b): return sum(distances[Int(a)], distances[Int(b)])
        case .union(let members): return members.reduce(1 << 29) { min($0, distances[Int($1)]) }
        // The sum, not the maximum, so that a step on the way to any one of them counts.
        case .intersection(let members): return members.reduce(0) { sum($0, distances[Int($1)]) }
        case .complement(let inner): return isNullable[Int(inner)] ? 1 : 0
        case .repetition(let inner, let minimum, _):
            return Int32(min(Int64(distances[Int(inner)]) * Int64(minimum), 1 << 29))
        case .counted(let text, _, _, let minimum, _): return sum(distances[Int(text)], minimum)
        }
    }

    func fingerprint(_ index: Int32, horizon: Int) -> RegexFingerprint { fingerprints[Int(index) * RegexArena.horizons.count + horizon] }

    /// Counts beyond the horizon are all alike. Not so inside intersections and complements, where what lies beyond decides whether
    /// anything matches at all.
    func fingerprint(_ node: RegexNode, _ horizon: Int) -> RegexFingerprint {
        let exact = RegexArena.horizons.count - 1
        switch node {
        case .nothing: return RegexFingerprint(1)
        case .empty: return RegexFingerprint(2)
        case .set(let index):
            var result = RegexFingerprint(3)
            for lane in 0..<4 { result.combine(sets[Int(index)].words[lane]) }
            return result
        case .concatenation(let a, let b):
            var result = RegexFingerprint(4)
            result.combine(fingerprint(a, horizon: horizon))
            result.combine(fingerprint(b, horizon: horizon))
            return result
        case .union(let members):
            var result = RegexFingerprint(5)
            for member in members { result.add(fingerprint(member, horizon: horizon)) }
            return result
        case .intersection(let members):
            var result = RegexFingerprint(6)
            for member in members { result.add(fingerprint(member, horizon: exact)) }
            return result
        case .complement(let inner):
            var result = RegexFingerprint(7)
            result.combine(fingerprint(inner, horizon: exact))
            return result
        case .counted: return countedFingerprint(node, horizon)
        case .repetition(let inner, let minimum, let maximum):
            let counts = counts(of: inner, minimum, maximum, horizon)
            var result = RegexFingerprint(8)
            result.combine(fingerprint(inner, horizon: horizon))
            result.combine(UInt64(counts.minimum))
            result.combine(counts.maximum < 0 ? UInt64.max : UInt64(counts.maximum))
            return result
        }
    }
}
