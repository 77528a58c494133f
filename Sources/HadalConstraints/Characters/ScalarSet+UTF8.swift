extension ScalarSet {
    /// The UTF-8 of one character of this set.
    ///
    /// Leading bytes with equal continuations share them, so that even a general category stays small.
    package var utf8: ByteRegex {
        var parts: [ByteRegex] = []
        let ascii = intersection(ScalarSet(0...0x7F))
        if !ascii.isEmpty { parts.append(.set(ScalarSet.bytes(ascii.ranges, from: 0, to: 0))) }
        // First code point, last code point, first leading byte, continuation bytes.
        let lengths: [(UInt32, UInt32, UInt8, Int)] = [
            (0x80, 0x7FF, 0xC0, 1), (0x800, 0xFFFF, 0xE0, 2), (0x1_0000, 0x10_FFFF, 0xF0, 3),
        ]
        let text = subtracting(.surrogates)
        for (first, last, lead, continuations) in lengths {
            let members = text.intersection(ScalarSet(first...last)).ranges
            if members.isEmpty { continue }
            let low = members[0].lowerBound >> UInt32(6 * continuations)
            let high = members[members.count - 1].upperBound >> UInt32(6 * continuations)
            parts += ScalarSet.blocks(members, from: low, through: high, firstByte: lead, base: 0, continuations: continuations)
        }
        return parts.count == 1 ? parts[0] : .union(parts)
    }

    /// One expression for each group of bytes that the same bytes can follow.
    private static func blocks(
        _ ranges: [ClosedRange<UInt32>], from: UInt32, through: UInt32, firstByte: UInt8, base: UInt32, continuations: Int
    ) -> [ByteRegex] {
        let size: UInt32 = 1 << UInt32(6 * continuations)
        var order: [ByteRegex] = []
        var leads: [ByteRegex: ByteSet] = [:]
        var next = 0
        for index in from...through {
            let start = base + index * size
            let end = start + size - 1
            while next < ranges.count, ranges[next].upperBound < start { next += 1 }
            var inside: [ClosedRange<UInt32>] = []
            var at = next
            while at < ranges.count, ranges[at].lowerBound <= end {
                inside.append(max(ranges[at].lowerBound, start)...min(ranges[at].upperBound, end))
                at += 1
            }
            if inside.isEmpty { continue }
            let rest = continuation(inside, base: start, continuations: continuations)
            if leads[rest] == nil { order.append(rest) }
            leads[rest, default: ByteSet()].insert(firstByte + UInt8(index))
        }
        return order.map { rest in
            if case .concatenation(let parts) = rest { return .concatenation([.set(leads[rest] ?? ByteSet())] + parts) }
            return .concatenation([.set(leads[rest] ?? ByteSet()), rest])
        }
    }

    private static let anyContinuation = ByteRegex.set(ByteSet(0x80...0xBF))

    private static func continuation(_ ranges: [ClosedRange<UInt32>], base: UInt32, continuations: Int) -> ByteRegex {
        let size: UInt32 = 1 << UInt32(6 * continuations)
        if ranges == [base...base + size - 1] {
            return continuations == 1 ? anyContinuation : .concatenation(Array(repeating: anyContinuation, count: continuations))
        }
        if continuations == 1 { return .set(bytes(ranges, from: base, to: 0x80)) }
        let parts = blocks(ranges, from: 0, through: 63, firstByte: 0x80, base: base, continuations: continuations - 1)
        return parts.count == 1 ? parts[0] : .union(parts)
    }

    private static func bytes(_ ranges: [ClosedRange<UInt32>], from: UInt32, to: UInt32) -> ByteSet {
        var set = ByteSet()
        for range in ranges { for value in range { set.insert(UInt8(value - from + to)) } }
        return set
    }
}
