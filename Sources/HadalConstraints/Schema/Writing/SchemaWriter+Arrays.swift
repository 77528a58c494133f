import HadalCore

extension SchemaWriter {
    /// nil where the shape allows no array.
    func array(_ shape: ArrayShape) throws -> Symbol? {
        if let symbol = arraySymbols[shape] { return symbol }
        var prefix: [Symbol] = []
        var maximum = shape.maximum ?? .max
        for term in shape.prefix {
            guard let symbol = try symbol(term) else {
                maximum = min(maximum, prefix.count)
                break
            }
            prefix.append(symbol)
        }
        let rest = prefix.count < maximum ? try symbol(shape.rest) : nil
        if rest == nil { maximum = min(maximum, prefix.count) }
        if shape.minimum > maximum { return nil }
        let alternatives: [[Symbol]]
        if shape.unique != nil && maximum > 1 {
            alternatives = try distinct(shape, maximum: maximum)
        } else if !shape.containments.isEmpty {
            alternatives = try counted(shape, maximum: maximum)
        } else {
            alternatives = try plain(prefix, rest: rest, minimum: shape.minimum, maximum: maximum == .max ? nil : maximum)
        }
        let symbol = grammar.rule(alternatives)
        arraySymbols[shape] = symbol
        return symbol
    }

    private func plain(_ prefix: [Symbol], rest: Symbol?, minimum: Int, maximum: Int?) throws -> [[Symbol]] {
        var alternatives: [[Symbol]] = minimum == 0 ? [[tokens.emptyArray]] : []
        if maximum == 0 { return alternatives }
        func repeated(after count: Int) throws -> [Symbol] {
            guard let rest else { return [tokens.closeArray] }
            return try symbols(
                Repetition(
                    item: [tokens.separator, rest], minimum: max(0, minimum - count), maximum: maximum.map { max(0, $0 - count) },
                    end: [tokens.closeArray]))
        }
        guard let first = prefix.first else {
            if let rest { alternatives.append([tokens.openArray, rest] + (try repeated(after: 1))) }
            return alternatives
        }
        var tail = maximum.map { $0 <= prefix.count } ?? false ? [tokens.closeArray] : try repeated(after: prefix.count)
        for index in stride(from: min(prefix.count, maximum ?? .max) - 1, to: 0, by: -1) {
            let more = [tokens.separator, prefix[index]] + tail
            tail = index >= minimum ? [grammar.rule([[tokens.closeArray], more])] : more.count > 24 ? [grammar.rule([more])] : more
        }
        alternatives.append([tokens.openArray, first] + tail)
        return alternatives
    }

    // MARK: contains

    private struct CountedState: Hashable {
        var index: Int
        /// How many more of each containment there must be, and how many there may be.
        var needed: [Int]
        var allowed: [Int]
    }

    private static let maximumStates = 3000

    /// Arrays of which some items must be of a kind: a rule for each count of items and of kinds.
    private func counted(_ shape: ArrayShape, maximum: Int) throws -> [[Symbol]] {
        func failure() -> HadalError {
            compiler.source.error(
                .unsupported, "counts as large as these are not supported",
                at: shape.containments.compactMap { compiler.containmentNodes[$0.term] }.first ?? SchemaSource.root, key: "contains")
        }
        let kinds = shape.containments
        guard kinds.count <= 3 else { throw failure() }
        // From here on all items are alike; an array with items is never as one without.
        var last = max(1, shape.prefix.count, shape.minimum, kinds.map(\.from).max() ?? 0)
        if maximum < .max { last = max(last, maximum) }
        guard last <= SchemaWriter.maximumStates else { throw failure() }
        let start = CountedState(index: 0, needed: kinds.map(\.minimum), allowed: kinds.map { $0.maximum ?? -1 })
        var known = [start: grammar.declareRule()]
        var pending = [start]
        while let state = pending.popLast() {
            var alternatives: [[Symbol]] = []
            if state.index >= shape.minimum, state.needed.allSatisfy({ $0 <= 0 }) {
                alternatives.append([state.index == 0 ? tokens.emptyArray : tokens.closeArray])
            }
            for choice in 0..<(1 << kinds.count) where state.index < maximum {
                var next = state
                next.index = min(state.index + 1, last)
                var term = shape.item(state.index)
                var isPossible = true
                for (position, kind) in kinds.enumerated() {
                    let isMember = choice >> position & 1 == 1
                    if state.index < kind.from {
                        if isMember { isPossible = false }
                    } else if isMember {
                        if next.allowed[position] == 0 { isPossible = false }
                        if next.needed[position] == 0 && kind.maximum == nil { isPossible = false }
                        next.needed[position] = max(0, next.needed[position] - 1)
                        if kind.maximum != nil { next.allowed[position] -= 1 }
                        term = compiler.terms.intersection(term, kind.term)
                    } else if kind.maximum != nil {
                        term = compiler.terms.intersection(term, compiler.terms.complement(kind.term))
                    }
                }
                guard isPossible, let item = try symbol(term) else { continue }
                if known[next] == nil {
                    guard known.count < SchemaWriter.maximumStates else { throw failure() }
                    known[next] = grammar.declareRule()
                    pending.append(next)
                }
                if let symbol = known[next] {
                    alternatives.append([state.index == 0 ? tokens.openArray : tokens.separator, item, symbol])
                }
            }
            if let symbol = known[state] { grammar.define(symbol, alternatives) }
            try check()
        }
        return known[start].map { [[$0]] } ?? []
    }

    // MARK: uniqueItems

    /// Arrays of different items, where there are few values that an item can have.
    private func distinct(_ shape: ArrayShape, maximum: Int) throws -> [[Symbol]] {
        func failure() -> HadalError {
            compiler.source.error(
                .unsupported, "arrays of different items are supported for few possible items alone", at: shape.unique ?? SchemaSource.root,
                key: "uniqueItems")
        }
        guard shape.containments.isEmpty else { throw failure() }
        var values: [SchemaTerms.ID: [Int]] = [:]
        var all: [ScalarValue] = []
        for term in shape.prefix + [shape.rest] where values[term] == nil {
            guard let found = try scalarValues(compiler.record(term)) else { throw failure() }
            values[term] = found.map { value in
                if let index = all.firstIndex(of: value) { return index }
                all.append(value)
                return all.count - 1
            }
        }
        guard all.count <= 7 else { throw failure() }
        let symbols = all.map { grammar.terminal($0.text) }
        let last = shape.prefix.count
        var known: [[Int]: Symbol] = [[0, 0]: grammar.declareRule()]
        var pending = [[0, 0]]
        while let state = pending.popLast() {
            let (index, used) = (state[0], state[1])
            let count = used.nonzeroBitCount
            var alternatives: [[Symbol]] = []
            if count >= shape.minimum { alternatives.append([count == 0 ? tokens.emptyArray : tokens.closeArray]) }
            if count < maximum {
                for value in values[shape.item(index)] ?? [] where used >> value & 1 == 0 {
                    let next = [min(index + 1, last), used | 1 << value]
                    if known[next] == nil {
                        known[next] = grammar.declareRule()
                        pending.append(next)
                    }
                    if let symbol = known[next] {
                        alternatives.append([count == 0 ? tokens.openArray : tokens.separator, symbols[value], symbol])
                    }
                }
            }
            if let symbol = known[state] { grammar.define(symbol, alternatives) }
        }
        return known[[0, 0]].map { [[$0]] } ?? []
    }

    private struct ScalarValue: Hashable {
        let name: String
        let text: ByteRegex
    }

    /// The values of a record that has few, all of them scalars.
    private func scalarValues(_ record: SchemaRecord) throws -> [ScalarValue]? {
        guard record.arrays.isEmpty, record.objects.isEmpty else { return nil }
        var values: [ScalarValue] = []
        if record.allowsNull { values.append(.init(name: "null", text: .text("null"))) }
        if record.allowsTrue { values.append(.init(name: "true", text: .text("true"))) }
        if record.allowsFalse { values.append(.init(name: "false", text: .text("false"))) }
        guard let strings = compiler.strings.members(record.strings), strings.count <= 7 else { return nil }
        for string in strings {
            values.append(.init(name: "\"" + string.text, text: compiler.strings.literal(compiler.strings.finite([string.text]))))
        }
        var numbers: [DecimalNumber: NumberSet] = [:]
        for interval in record.numbers.plain + record.numbers.pointed + record.numbers.fractional {
            guard let value = interval.lower, value == interval.upper, interval.divisors.isEmpty, interval.nonDivisors.isEmpty else {
                return nil
            }
            numbers[value] = NumberSet(value)
        }
        for (number, set) in numbers.sorted(by: { $0.key < $1.key }) {
            let whole = set.plain.flatMap { NumberText.signed($0, NumberText.plain) + NumberText.signed($0, NumberText.pointed) }
            let others = set.fractional.flatMap { NumberText.signed($0) { NumberText.fractional($0, exponents: true) } }
            values.append(.init(name: "\(number)", text: .union(whole + others)))
        }
        return values
    }
}
