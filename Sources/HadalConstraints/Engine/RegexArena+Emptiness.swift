import HadalCore

extension RegexArena {
    /// Whether the expression matches anything at all.
    ///
    /// - Throws: `HadalError.limitExceeded` where that takes more than `limits.emptinessStates` states to find out.
    mutating func isAlive(_ index: Int32, _ limits: ConstraintLimits) throws -> Bool {
        switch life[Int(index)] {
        case .alive: return true
        case .dead: return false
        case .unknown: break
        }
        if isPositive[Int(index)] {
            life[Int(index)] = .alive
            return true
        }
        return try search(index, limits)
    }

    /// Through the derivatives, for one that matches the empty string or is known to match something: first those that need the least.
    private mutating func search(_ start: Int32, _ limits: ConstraintLimits) throws -> Bool {
        var origins: [Int32: Int32] = [start: -1]
        // A heap of what to look at, by distance; among equals the last found is first.
        var open: [(distance: Int32, order: Int32, node: Int32)] = []
        func precedes(_ a: (distance: Int32, order: Int32, node: Int32), _ b: (distance: Int32, order: Int32, node: Int32)) -> Bool {
            a.distance != b.distance ? a.distance < b.distance : a.order > b.order
        }
        func push(_ node: Int32, _ distance: Int32) {
            open.append((distance, Int32(origins.count), node))
            var child = open.count - 1
            while child > 0, precedes(open[child], open[(child - 1) / 2]) {
                open.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        }
        func pop() -> Int32? {
            guard let first = open.first else { return nil }
            let last = open.removeLast()
            if open.isEmpty { return first.node }
            open[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < open.count && precedes(open[child], open[least]) {
                    least = child
                }
                if least == parent { return first.node }
                open.swapAt(parent, least)
                parent = least
            }
        }
        push(start, 0)
        while let node = pop() {
            let row = try row(node)
            for target in [Int32](rows[row..<row + representatives.count]).sortedWithoutRepeats() where life[Int(target)] != .dead {
                if life[Int(target)] == .alive || isNullable[Int(target)] || isPositive[Int(target)] {
                    life[Int(target)] = .alive
                    var step = node
                    while step >= 0 {
                        life[Int(step)] = .alive
                        step = origins[step] ?? -1
                    }
                    return true
                }
                if origins[target] != nil { continue }
                origins[target] = node
                guard origins.count <= limits.emptinessStates, memory < limits.derivedMemory else {
                    throw HadalError(
                        .limitExceeded,
                        "it takes more than \(limits.emptinessStates) states to tell whether an expression matches anything")
                }
                push(target, distances[Int(target)])
            }
        }
        for node in origins.keys { life[Int(node)] = .dead }
        return false
    }
}
