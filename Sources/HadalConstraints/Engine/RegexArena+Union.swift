extension RegexArena {
    /// Any of these. Members that begin alike are joined, and so are counts of the same thing: without that, the derivatives of counted
    /// repetitions are many.
    mutating func union(_ members: [Int32]) -> Int32 {
        var flat: [Int32] = []
        var set = ByteSet()
        for member in members {
            let parts: [Int32]
            if case .union(let inner) = node(member) { parts = inner } else { parts = [member] }
            for part in parts where part != RegexArena.nothing {
                if part == RegexArena.everything { return part }
                if case .set(let index) = node(part) { set = set.union(sets[Int(index)]) } else { flat.append(part) }
            }
        }
        if !set.isEmpty { flat.append(self.set(set)) }
        flat = flat.sortedWithoutRepeats()
        // Texts with long beginnings in common are joined further by their derivatives, rather than deeper on this stack.
        work += flat.count
        if flat.count > 1, unionDepth < 40 {
            unionDepth += 1
            defer { unionDepth -= 1 }
            if let joined = joinedByHead(flat) { return union(joined) }
            if let joined = joinedByTail(flat) { return union(joined) }
            if let joined = joinedCounts(flat) { return union(joined) }
        }
        if flat.count > 1, flat.first == RegexArena.empty, flat.dropFirst().contains(where: { isNullable[Int($0)] }) { flat.removeFirst() }
        switch flat.count {
        case 0: return RegexArena.nothing
        case 1: return flat[0]
        default: return intern(.union(flat))
        }
    }

    private func headAndTail(_ index: Int32) -> (head: Int32, tail: Int32) {
        if case .concatenation(let head, let tail) = node(index) { (head, tail) } else { (index, RegexArena.empty) }
    }

    /// `xA | xB` as `x(A | B)`; nil where no two members begin alike.
    private mutating func joinedByHead(_ members: [Int32]) -> [Int32]? {
        joined(members) {
            $1 == RegexArena.empty ? nil : $0.headAndTail($1).head
        } join: { arena, head, group in
            let tails = group.map { arena.headAndTail($0).tail }
            return arena.concatenation(head, arena.union(tails))
        }
    }

    /// `aX | bX` as `[ab]X` for sets a and b; nil where no two members are so.
    private mutating func joinedByTail(_ members: [Int32]) -> [Int32]? {
        joined(members) { arena, member in
            let (head, tail) = arena.headAndTail(member)
            if case .set = arena.node(head) { return tail }
            return nil
        } join: { arena, tail, group in
            let heads = group.map { arena.headAndTail($0).head }
            return arena.concatenation(arena.union(heads), tail)
        }
    }

    private mutating func joined(
        _ members: [Int32], key: (RegexArena, Int32) -> Int32?, join: (inout RegexArena, Int32, [Int32]) -> Int32
    ) -> [Int32]? {
        var keyed: [(key: Int32, member: Int32)] = []
        for member in members { if let key = key(self, member) { keyed.append((key, member)) } }
        if keyed.count < 2 { return nil }
        keyed.sort { $0.key < $1.key }
        guard zip(keyed, keyed.dropFirst()).contains(where: { $0.key == $1.key }) else { return nil }
        var result = members.filter { key(self, $0) == nil }
        var start = 0
        while start < keyed.count {
            var end = start + 1
            while end < keyed.count, keyed[end].key == keyed[start].key { end += 1 }
            if end == start + 1 {
                result.append(keyed[start].member)
            } else {
                result.append(join(&self, keyed[start].key, keyed[start..<end].map(\.member)))
            }
            start = end
        }
        return result
    }

    /// `x{2,5} | x{4,9}` as `x{2,9}`, with the same behind both; nil where nothing can be joined.
    private mutating func joinedCounts(_ members: [Int32]) -> [Int32]? {
        struct Count {
            var inner: Int32
            var tail: Int32
            var minimum: Int32
            var maximum: Int32
            var member: Int32
        }
        var counts: [Count] = []
        for member in members {
            let (head, tail) = headAndTail(member)
            guard case .repetition(let inner, let minimum, let maximum) = node(head) else { continue }
            counts.append(Count(inner: inner, tail: tail, minimum: minimum, maximum: maximum < 0 ? .max : maximum, member: member))
        }
        if counts.count < 2 { return nil }
        counts.sort { ($0.inner, $0.tail, $0.minimum, $0.maximum) < ($1.inner, $1.tail, $1.minimum, $1.maximum) }
        var gone: Set<Int32> = []
        var made: [Int32] = []
        var start = 0
        while start < counts.count {
            var merged = counts[start]
            var end = start + 1
            while end < counts.count, counts[end].inner == merged.inner, counts[end].tail == merged.tail,
                merged.maximum == .max || counts[end].minimum <= merged.maximum + 1
            {
                merged.maximum = max(merged.maximum, counts[end].maximum)
                end += 1
            }
            if end > start + 1 {
                for count in counts[start..<end] { gone.insert(count.member) }
                let head = repetition(merged.inner, minimum: merged.minimum, maximum: merged.maximum == .max ? -1 : merged.maximum)
                made.append(concatenation(head, merged.tail))
            }
            start = end
        }
        return gone.isEmpty ? nil : members.filter { !gone.contains($0) } + made
    }
}
