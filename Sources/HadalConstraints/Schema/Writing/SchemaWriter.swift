import HadalCore

/// Writes what a compiler knows of schemas as rules of a grammar.
final class SchemaWriter {
    typealias Symbol = Grammar.Symbol

    let compiler: SchemaCompiler
    let maximumRules: Int
    let tokens: JSONTokens
    var grammar: Grammar
    /// Texts that no string holds.
    var avoided: [String] = []
    /// Rules and terminals that were there before.
    private let before: (rules: Int, terminals: Int)
    private var symbols: [SchemaTerms.ID: Symbol?] = [:]
    private var pending: [(symbol: Symbol, record: SchemaRecord)] = []
    private var stringSymbols: [StringSets.ID: Symbol] = [:]
    private var keySymbols: [StringSets.ID: Symbol] = [:]
    private var numberSymbols: [NumberSet: [Symbol]] = [:]
    var objectSymbols: [ObjectShape: Symbol] = [:]
    var arraySymbols: [ArrayShape: Symbol] = [:]
    var repetitions: [Repetition: Symbol] = [:]

    /// - Parameter grammar: what the rules are added to.
    init(compiler: SchemaCompiler, grammar: consuming Grammar, maximumIndentation: Int, maximumRules: Int) {
        self.compiler = compiler
        self.grammar = grammar
        self.maximumRules = maximumRules
        before = (self.grammar.rules.count, self.grammar.terminals.count)
        tokens = JSONTokens(grammar: &self.grammar, maximumIndentation: maximumIndentation)
    }

    /// The whole of a term; nil where it allows nothing.
    func write(_ term: SchemaTerms.ID) throws -> Symbol? {
        guard let start = try symbol(term) else { return nil }
        while let (symbol, record) = pending.popLast() {
            var alternatives = try scalars(record).map { [$0] }
            for shape in record.arrays { if let array = try array(shape) { alternatives.append([array]) } }
            for shape in inOrders(record.objects) { if let object = try object(shape) { alternatives.append([object]) } }
            grammar.define(symbol, alternatives)
            try check()
        }
        let pruning = GrammarPruning(grammar, from: before.rules)
        pruning.prune(&grammar)
        return pruning.isProductive(start) ? start : nil
    }

    /// Alternatives may list their properties in different orders: each is allowed in its own, and in that of all of them together.
    private func inOrders(_ shapes: [ObjectShape]) -> [ObjectShape] {
        guard shapes.count > 1 else { return shapes }
        var ranks: [ExactString: Int] = [:]
        for shape in shapes {
            for property in shape.properties where property.isListed && ranks[property.name] == nil { ranks[property.name] = ranks.count }
        }
        return shapes.flatMap { shape in
            let listed = shape.properties.filter { $0.isListed && $0.term != SchemaTerms.none }
            let sorted = listed.sorted { ranks[$0.name, default: 0] < ranks[$1.name, default: 0] }
            if listed == sorted { return [shape] }
            var other = shape
            other.properties = sorted + shape.properties.filter { !($0.isListed && $0.term != SchemaTerms.none) }
            return [shape, other]
        }
    }

    func check() throws {
        guard grammar.rules.count - before.rules <= maximumRules, grammar.terminals.count - before.terminals <= maximumRules else {
            throw compiler.source.error(.limitExceeded, "the schema needs more than \(maximumRules) rules", at: SchemaSource.root)
        }
    }

    /// What a value of a term is; nil where there is none.
    func symbol(_ term: SchemaTerms.ID) throws -> Symbol? {
        if let known = symbols[term] { return known }
        let record: SchemaRecord
        do {
            record = try compiler.record(term)
        } catch let error as HadalError where error.code == .limitExceeded && compiler.isOfComplements(term) {
            // Values that are wrong for another alternative in ways beyond count: none of them is allowed.
            symbols[term] = .some(nil)
            return nil
        }
        let result: Symbol?
        if record.arrays.isEmpty && record.objects.isEmpty {
            let scalars = try scalars(record)
            result = scalars.count <= 1 ? scalars.first : grammar.rule(scalars.map { [$0] })
        } else {
            let symbol = grammar.declareRule()
            pending.append((symbol, record))
            result = symbol
        }
        symbols[term] = .some(result)
        return result
    }

    private func scalars(_ record: SchemaRecord) throws -> [Symbol] {
        var words: [ByteRegex] = []
        if record.allowsNull { words.append(.text("null")) }
        if record.allowsTrue { words.append(.text("true")) }
        if record.allowsFalse { words.append(.text("false")) }
        var result: [Symbol] = []
        if !words.isEmpty { result.append(grammar.terminal(words.count == 1 ? words[0] : .union(words))) }
        result += try numbers(record.numbers)
        if !compiler.strings.isEmpty(record.strings) { result.append(string(record.strings)) }
        return result
    }

    private func string(_ set: StringSets.ID) -> Symbol {
        if let symbol = stringSymbols[set] { return symbol }
        let symbol = grammar.terminal(literal(set))
        stringSymbols[set] = symbol
        return symbol
    }

    private func literal(_ set: StringSets.ID) -> ByteRegex {
        let literal = compiler.strings.literal(set)
        return avoided.isEmpty ? literal : .intersection([literal] + avoided.map { .complement(.containing($0)) })
    }

    /// A property's name and colon.
    func key(_ names: StringSets.ID) -> Symbol {
        if let symbol = keySymbols[names] { return symbol }
        let symbol = grammar.terminal(.concatenation([literal(names), JSONTokens.colon]))
        keySymbols[names] = symbol
        return symbol
    }

    // MARK: Numbers

    private func numbers(_ set: NumberSet) throws -> [Symbol] {
        if set.isEmpty { return [] }
        if let known = numberSymbols[set] { return known }
        var texts: [ByteRegex] = []
        var symbols: [Symbol] = []
        if set == .all {
            texts = [NumberText.any]
        } else if set == .integers {
            texts = [NumberText.anyWhole]
        } else {
            try whole(set.plain, suffix: nil, NumberText.plain, &texts, &symbols)
            let zeros: ByteRegex = .concatenation([.text("."), DigitRegex.digit(0, 0), DigitRegex.zeros])
            try whole(set.pointed, suffix: zeros, NumberText.pointed, &texts, &symbols)
            for interval in set.fractional { texts += try fractional(interval) }
        }
        if !texts.isEmpty { symbols.append(grammar.terminal(texts.count == 1 ? texts[0] : .union(texts))) }
        numberSymbols[set] = symbols
        return symbols
    }

    private func whole(
        _ intervals: [NumberInterval], suffix: ByteRegex?, _ text: (NumberInterval) -> ByteRegex, _ texts: inout [ByteRegex],
        _ symbols: inout [Symbol]
    ) throws {
        for interval in intervals {
            let divisors = interval.divisors.map(\.ofIntegers).filter { $0 > 1 }.sorted()
            let nonDivisors = interval.nonDivisors.map(\.ofIntegers).sorted()
            if nonDivisors.contains(1) { continue }
            if divisors.isEmpty && nonDivisors.isEmpty {
                texts += NumberText.signed(interval, text)
                continue
            }
            for (isNegative, magnitudes) in NumberText.magnitudes(interval) {
                guard let rules = MultipleRules(magnitudes, divisors: divisors, nonDivisors: nonDivisors),
                    let digits = rules.write(to: &grammar)
                else { throw tooManyMultiples(interval) }
                let head = isNegative ? [grammar.text("-")] : []
                let tail = suffix.map { [grammar.terminal($0)] } ?? []
                symbols.append(grammar.rule([head + [digits] + tail]))
            }
        }
    }

    private func tooManyMultiples(_ interval: NumberInterval) -> HadalError {
        let node = interval.divisors.union(interval.nonDivisors).compactMap { compiler.divisorNodes[$0] }.min()
        return compiler.source.error(
            .unsupported, "the multiples of this number, or of so many together, are not supported", at: node ?? SchemaSource.root,
            key: "multipleOf")
    }

    private func fractional(_ interval: NumberInterval) throws -> [ByteRegex] {
        if interval.divisors.isEmpty && interval.nonDivisors.isEmpty {
            return NumberText.signed(interval) { NumberText.fractional($0, exponents: true) }
        }
        var conditions: [ByteRegex] = []
        for divisor in interval.divisors {
            guard let regex = MultipleText.fractional(of: divisor) else { throw tooManyMultiples(interval) }
            conditions.append(regex)
        }
        for divisor in interval.nonDivisors where divisor.places > 0 {
            guard let regex = MultipleText.fractional(of: divisor) else { throw tooManyMultiples(interval) }
            conditions.append(.complement(regex))
        }
        return NumberText.signed(interval) { .intersection([NumberText.fractional($0, exponents: false)] + conditions) }
    }
}
