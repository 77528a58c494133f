import HadalCore

extension RegexArena {
    /// Divides the bytes by all sets that are here. Derivatives make no other sets than unions and intersections of these.
    mutating func fixClasses() {
        var classOf = [UInt8](repeating: 0, count: 256)
        var count = 1
        for set in sets {
            // Of each class the new one of its members inside the set.
            var split = [Int](repeating: -1, count: count)
            var outside = [Bool](repeating: false, count: count)
            for byte in 0..<256 where !set.contains(UInt8(byte)) { outside[Int(classOf[byte])] = true }
            for byte in 0..<256 where set.contains(UInt8(byte)) {
                let old = Int(classOf[byte])
                if !outside[old] { continue }
                if split[old] < 0 {
                    split[old] = count
                    count += 1
                }
                classOf[byte] = UInt8(split[old])
            }
            if count == 256 { break }
        }
        classes = classOf
        representatives = [UInt8](repeating: 0, count: count)
        for byte in (0..<256).reversed() { representatives[Int(classOf[byte])] = UInt8(byte) }
    }

    /// Start of the node's row of derivatives in `rows`, made when first needed.
    ///
    /// - Throws: `HadalError.limitExceeded`.
    mutating func row(_ index: Int32) throws -> Int {
        if rowStarts[Int(index)] >= 0 { return Int(rowStarts[Int(index)]) }
        try checkWork()
        work += representatives.count
        switch node(index) {
        case .concatenation(let head, let tail) where !isNullable[Int(head)]:
            let operand = try row(head)
            return addRow(index, operand, operand) { arena, derivative, _ in arena.concatenation(derivative, tail) }
        case .concatenation(let head, let tail) where !isConcatenation(tail) || rowStarts[Int(tail)] >= 0:
            let operands = (try row(head), try row(tail))
            return addRow(index, operands.0, operands.1) { arena, derivative, rest in
                arena.union([arena.concatenation(derivative, tail), rest])
            }
        case .repetition(let inner, let minimum, let maximum):
            let operand = try row(inner)
            let rest = repetition(inner, minimum: max(minimum - 1, 0), maximum: maximum < 0 ? -1 : maximum - 1)
            return addRow(index, operand, operand) { arena, derivative, _ in arena.concatenation(derivative, rest) }
        case .complement(let inner) where inner != RegexArena.nothing:
            let operand = try row(inner)
            return addRow(index, operand, operand) { arena, derivative, _ in arena.complement(derivative) }
        case .counted(let text, let part, let unit, let minimum, let maximum):
            let operands = (try row(text), try row(part == RegexArena.empty ? unit : part))
            return addRow(index, operands.0, operands.1) { arena, derivative, rest in
                arena.counted(derivative, after: part, rest, unit, minimum, maximum)
            }
        default: return try addRow(index)
        }
    }

    /// The derivative by one class, which may match nothing.
    ///
    /// - Throws: `HadalError.limitExceeded`.
    mutating func step(_ index: Int32, _ byteClass: Int) throws -> Int32 {
        if rowStarts[Int(index)] < 0, isFleeting(index) { return try derivative(index, representatives[byteClass]) }
        return rows[try row(index) + byteClass]
    }

    /// Whether a text hardly ever comes to the same expression again, so that a whole row for it would be wasted.
    private func isFleeting(_ index: Int32) -> Bool {
        switch node(index) {
        case .counted: true
        case .concatenation(let head, _): if case .counted = node(head) { true } else { false }
        default: false
        }
    }

    private func isConcatenation(_ index: Int32) -> Bool { if case .concatenation = node(index) { true } else { false } }

    /// A row made of two others, class by class; equal pairs are joined once.
    private mutating func addRow(_ index: Int32, _ a: Int, _ b: Int, _ join: (inout RegexArena, Int32, Int32) -> Int32) -> Int {
        var known: [(a: Int32, b: Int32, joined: Int32)] = []
        let start = rows.count
        rows.append(contentsOf: repeatElement(RegexArena.nothing, count: representatives.count))
        for byteClass in representatives.indices {
            let pair = (rows[a + byteClass], rows[b + byteClass])
            if let last = known.last(where: { $0.a == pair.0 && $0.b == pair.1 }) {
                rows[start + byteClass] = last.joined
            } else {
                let joined = join(&self, pair.0, pair.1)
                known.append((pair.0, pair.1, joined))
                rows[start + byteClass] = joined
            }
        }
        rowStarts[Int(index)] = Int32(start)
        return start
    }

    /// A row made by deriving for one byte of each group of classes that no set tells apart with which a match can begin.
    private mutating func addRow(_ index: Int32) throws -> Int {
        let start = rows.count
        rows.append(contentsOf: repeatElement(RegexArena.nothing, count: representatives.count))
        var firsts: [Int32] = []
        var visited: Set<Int32> = []
        collectFirstSets(index, into: &firsts, &visited)
        firsts = firsts.sortedWithoutRepeats()
        var groupOf = [Int](repeating: 0, count: representatives.count)
        var groups = 1
        for first in firsts {
            var split = [Int](repeating: -1, count: groups)
            var outside = [Bool](repeating: false, count: groups)
            let set = sets[Int(first)]
            for (index, byte) in representatives.enumerated() where !set.contains(byte) { outside[groupOf[index]] = true }
            for (index, byte) in representatives.enumerated() where set.contains(byte) {
                let old = groupOf[index]
                if !outside[old] { continue }
                if split[old] < 0 {
                    split[old] = groups
                    groups += 1
                }
                groupOf[index] = split[old]
            }
        }
        var derivatives = [Int32](repeating: -1, count: groups)
        for (byteClass, group) in groupOf.enumerated() {
            if derivatives[group] < 0 { derivatives[group] = try derivative(index, representatives[byteClass]) }
            rows[start + byteClass] = derivatives[group]
        }
        rowStarts[Int(index)] = Int32(start)
        return start
    }

    private func collectFirstSets(_ index: Int32, into sets: inout [Int32], _ visited: inout Set<Int32>) {
        var index = index
        while visited.insert(index).inserted {
            switch node(index) {
            case .nothing, .empty: return
            case .set(let set):
                sets.append(set)
                return
            case .concatenation(let head, let tail):
                collectFirstSets(head, into: &sets, &visited)
                if !isNullable[Int(head)] { return }
                index = tail
            case .union(let members), .intersection(let members):
                for member in members { collectFirstSets(member, into: &sets, &visited) }
                return
            case .complement(let inner): index = inner
            case .repetition(let inner, _, _): index = inner
            case .counted(let text, let part, let unit, _, _):
                collectFirstSets(text, into: &sets, &visited)
                index = part == RegexArena.empty ? unit : part
            }
        }
    }

    /// What must follow `byte`. Parts that occur in several places are derived once.
    private mutating func derivative(_ index: Int32, _ byte: UInt8) throws -> Int32 {
        if rowStarts[Int(index)] >= 0 { return rows[Int(rowStarts[Int(index)]) + Int(classes[Int(byte)])] }
        switch node(index) {
        case .nothing, .empty: return RegexArena.nothing
        case .set(let set): return sets[Int(set)].contains(byte) ? RegexArena.empty : RegexArena.nothing
        case let node:
            let key = UInt64(UInt32(bitPattern: index)) << 8 | UInt64(classes[Int(byte)])
            if let known = derivatives[key] { return known }
            try checkWork()
            let result = try derivative(of: node, index, byte)
            derivatives[key] = result
            return result
        }
    }

    private mutating func derivative(of node: RegexNode, _ index: Int32, _ byte: UInt8) throws -> Int32 {
        switch node {
        case .nothing, .empty, .set: return RegexArena.nothing
        case .concatenation:
            // Along the tails in a loop: there may be thousands that match the empty string.
            var parts: [Int32] = []
            var rest = index
            while case .concatenation(let head, let tail) = self.node(rest) {
                work += 1
                parts.append(concatenation(try derivative(head, byte), tail))
                if !isNullable[Int(head)] { return union(parts) }
                rest = tail
            }
            parts.append(try derivative(rest, byte))
            return union(parts)
        case .union(let members): return union(try members.map { try derivative($0, byte) })
        case .intersection(let members):
            var parts: [Int32] = []
            for member in members {
                let part = try derivative(member, byte)
                if part == RegexArena.nothing { return part }
                parts.append(part)
            }
            return intersection(parts)
        case .complement(let inner): return complement(try derivative(inner, byte))
        case .repetition(let inner, let minimum, let maximum):
            let rest = repetition(inner, minimum: max(minimum - 1, 0), maximum: maximum < 0 ? -1 : maximum - 1)
            return concatenation(try derivative(inner, byte), rest)
        case .counted(let text, let part, let unit, let minimum, let maximum):
            // Other counts share these rows.
            let byteClass = Int(classes[Int(byte)])
            let (derived, rest) = (try row(text), try row(part == RegexArena.empty ? unit : part))
            return counted(rows[derived + byteClass], after: part, rows[rest + byteClass], unit, minimum, maximum)
        }
    }

    /// What a counted expression becomes, from what its text becomes and what is left of its part, or of a further unit.
    private mutating func counted(
        _ text: Int32, after part: Int32, _ rest: Int32, _ unit: Int32, _ minimum: Int32, _ maximum: Int32
    ) -> Int32 {
        if part != RegexArena.empty { return counted(text, part: rest, unit: unit, minimum: minimum, maximum: maximum) }
        return counted(text, part: rest, unit: unit, minimum: max(minimum - 1, 0), maximum: max(maximum - 1, -1))
    }
}
