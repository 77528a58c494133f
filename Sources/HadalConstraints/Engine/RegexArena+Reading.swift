import HadalCore

extension RegexArena {
    /// The node of an expression as it is written.
    mutating func read(_ regex: ByteRegex, _ limits: ConstraintLimits) throws -> Int32 {
        var budget = limits.expressionNodes
        return try read(regex, limits, depth: 0, &budget)
    }

    private mutating func read(_ regex: ByteRegex, _ limits: ConstraintLimits, depth: Int, _ budget: inout Int) throws -> Int32 {
        budget -= 1
        try checkWork()
        guard budget >= 0 else { throw HadalError(.limitExceeded, "an expression has more than \(limits.expressionNodes) parts") }
        guard depth < limits.expressionDepth else {
            throw HadalError(.limitExceeded, "an expression nests more than \(limits.expressionDepth) deep")
        }
        switch regex {
        case .nothing: return RegexArena.nothing
        case .empty: return RegexArena.empty
        case .set(let set): return self.set(set)
        case .concatenation(let parts):
            var result = RegexArena.empty
            for part in parts.reversed() { result = concatenation(try read(part, limits, depth: depth + 1, &budget), result) }
            return result
        case .union(let parts):
            var members: [Int32] = []
            for part in parts { members.append(try read(part, limits, depth: depth + 1, &budget)) }
            return union(members)
        case .intersection(let parts):
            var members: [Int32] = []
            for part in parts { members.append(try read(part, limits, depth: depth + 1, &budget)) }
            return intersection(members)
        case .complement(let inner): return complement(try read(inner, limits, depth: depth + 1, &budget))
        case .repetition(let inner, let minimum, let maximum):
            guard minimum <= maximum ?? minimum else {
                throw HadalError(.invalidArgument, "a repetition of at least \(minimum) and at most \(maximum ?? minimum)")
            }
            let (least, most) = try counts(minimum, maximum)
            return repetition(try read(inner, limits, depth: depth + 1, &budget), minimum: least, maximum: most)
        case .counted(let text, let unit, let minimum, let maximum):
            let (least, most) = try counts(minimum, maximum)
            let node = try read(text, limits, depth: depth + 1, &budget)
            let unitNode = try read(unit, limits, depth: depth + 1, &budget)
            return counted(node, part: RegexArena.empty, unit: unitNode, minimum: least, maximum: most)
        }
    }

    private func counts(_ minimum: Int, _ maximum: Int?) throws -> (minimum: Int32, maximum: Int32) {
        guard minimum >= 0, maximum ?? 0 >= 0 else { throw HadalError(.invalidArgument, "a negative number of repetitions") }
        guard minimum < Int32.max, maximum ?? 0 < Int32.max else {
            throw HadalError(.limitExceeded, "a repetition is limited to \(Int32.max - 1)")
        }
        return (Int32(minimum), maximum.map(Int32.init) ?? -1)
    }
}
