/// Some symbols again and again, then others.
struct Repetition: Hashable {
    let item: [Grammar.Symbol]
    var minimum: Int
    /// nil is any number.
    var maximum: Int?
    let end: [Grammar.Symbol]
}

extension SchemaWriter {
    /// Counts up to this are written one by one; beyond, numbers of items are sums of powers of two.
    private static let directCount = 12

    /// The symbols of a repetition, as many of them rules as its counts have digits.
    func symbols(_ repetition: Repetition) throws -> [Symbol] {
        try check()
        var head: [Symbol] = []
        if repetition.minimum > 0 {
            if repetition.minimum <= SchemaWriter.directCount {
                for _ in 0..<repetition.minimum { head += repetition.item }
            } else {
                var rest = repetition.minimum
                for power in stride(from: 62, through: 0, by: -1) where rest >= 1 << power {
                    head.append(exactly(power, repetition.item))
                    rest -= 1 << power
                }
            }
        }
        guard let maximum = repetition.maximum else { return head + [any(repetition.item, end: repetition.end)] }
        let optional = maximum - repetition.minimum
        if optional <= 0 { return head + repetition.end }
        if optional <= SchemaWriter.directCount { return head + [chain(optional, repetition.item, end: repetition.end)] }
        return head + [upTo(optional, repetition.item)] + repetition.end
    }

    private func known(_ repetition: Repetition, _ make: () -> [[Symbol]]) -> Symbol {
        if let symbol = repetitions[repetition] { return symbol }
        let symbol = grammar.rule(make())
        repetitions[repetition] = symbol
        return symbol
    }

    private func any(_ item: [Symbol], end: [Symbol]) -> Symbol {
        let repetition = Repetition(item: item, minimum: 0, maximum: nil, end: end)
        if let symbol = repetitions[repetition] { return symbol }
        let symbol = grammar.declareRule()
        repetitions[repetition] = symbol
        grammar.define(symbol, [end, item + [symbol]])
        return symbol
    }

    private func chain(_ count: Int, _ item: [Symbol], end: [Symbol]) -> Symbol {
        known(Repetition(item: item, minimum: 0, maximum: count, end: end)) {
            [end, item + (count == 1 ? end : [chain(count - 1, item, end: end)])]
        }
    }

    /// Two to the power of `power`.
    private func exactly(_ power: Int, _ item: [Symbol]) -> Symbol {
        known(Repetition(item: item, minimum: 1 << power, maximum: 1 << power, end: [])) {
            if power == 0 { return [item] }
            let half = exactly(power - 1, item)
            return [[half, half]]
        }
    }

    /// None to `count`: fewer than the greatest power of two in `count`, or that power and then some.
    private func upTo(_ count: Int, _ item: [Symbol]) -> Symbol {
        known(Repetition(item: item, minimum: 0, maximum: count, end: [])) {
            if count == 0 { return [[]] }
            if count == 1 { return [[], item] }
            let power = Int.bitWidth - 1 - count.leadingZeroBitCount
            let rest = count - 1 << power
            let most = exactly(power, item)
            return [[upTo(1 << power - 1, item)], rest == 0 ? [most] : [most, upTo(rest, item)]]
        }
    }
}
