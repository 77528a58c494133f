import HadalCore

/// Makes a grammar of the rules of GBNF.
///
/// Rules that do not refer to themselves are expressions, and become terminals as long as they are small: an automaton steps faster than a
/// parser, and the language is the same.
struct GBNFLowering {
    /// Parts of an expression up to which a rule is made a terminal.
    private static let mostParts = 400
    private static let mostSymbols = 1 << 18

    private let rules: [GBNFSyntax]
    private let name: String
    private var regexes: [ByteRegex?]
    private var sizes: [Int]
    private var grammar = Grammar()
    private var symbols: [Grammar.Symbol?]
    private var size = 0

    init(rules: [GBNFSyntax], name: String) {
        self.rules = rules
        self.name = name
        regexes = Array(repeating: nil, count: rules.count)
        sizes = Array(repeating: 0, count: rules.count)
        symbols = Array(repeating: nil, count: rules.count)
        fold()
    }

    func grammar(root: Int) throws -> Grammar {
        var copy = self
        copy.grammar.start = try copy.symbol(ofRule: root)
        // Rules are defined in the order in which they are met; each may name more.
        var next = 0
        while next < copy.pending.count {
            let rule = copy.pending[next]
            next += 1
            guard let symbol = copy.symbols[rule] else { continue }
            let alternatives = try copy.alternatives(rules[rule])
            copy.grammar.define(symbol, alternatives)
        }
        return copy.grammar
    }

    private var pending: [Int] = []

    /// Finds the rules that are small expressions, those that others are made of first.
    private mutating func fold() {
        var waitsFor = [Int](repeating: 0, count: rules.count)
        var users = [[Int]](repeating: [], count: rules.count)
        for (index, rule) in rules.enumerated() {
            rule.forEachRule { used in
                waitsFor[index] += 1
                users[used].append(index)
            }
        }
        var ready = rules.indices.filter { waitsFor[$0] == 0 }
        while let rule = ready.popLast() {
            var parts = 0
            guard let regex = regex(rules[rule], &parts), parts <= GBNFLowering.mostParts else { continue }
            regexes[rule] = regex
            sizes[rule] = parts
            for user in users[rule] {
                waitsFor[user] -= 1
                if waitsFor[user] == 0 { ready.append(user) }
            }
        }
    }

    /// The expression, or nil where it names a rule that is none.
    private func regex(_ syntax: GBNFSyntax, _ parts: inout Int) -> ByteRegex? {
        parts += 1
        switch syntax {
        case .text(let bytes):
            parts += bytes.count / 16
            return .bytes(bytes)
        case .characters(let set): return set.utf8
        case .rule(let index):
            parts += sizes[index]
            return regexes[index]
        case .sequence(let members): return all(members, &parts).map(ByteRegex.concatenation)
        case .alternatives(let members): return all(members, &parts).map(ByteRegex.union)
        case .repetition(let inner, let minimum, let maximum):
            return regex(inner, &parts).map { .repetition($0, minimum: minimum, maximum: maximum) }
        }
    }

    private func all(_ members: [GBNFSyntax], _ parts: inout Int) -> [ByteRegex]? {
        var result: [ByteRegex] = []
        for member in members {
            guard parts <= GBNFLowering.mostParts, let regex = regex(member, &parts) else { return nil }
            result.append(regex)
        }
        return result
    }

    private mutating func symbol(ofRule index: Int) throws -> Grammar.Symbol {
        if let symbol = symbols[index] { return symbol }
        let symbol: Grammar.Symbol
        if let regex = regexes[index] {
            symbol = grammar.terminal(regex)
        } else {
            symbol = grammar.declareRule()
            pending.append(index)
        }
        symbols[index] = symbol
        return symbol
    }

    private mutating func alternatives(_ syntax: GBNFSyntax) throws -> [[Grammar.Symbol]] {
        guard case .alternatives(let members) = syntax else { return [try sequence(syntax)] }
        return try members.map { try sequence($0) }
    }

    private mutating func sequence(_ syntax: GBNFSyntax) throws -> [Grammar.Symbol] {
        guard case .sequence(let members) = syntax else { return [try symbol(syntax)] }
        var result: [Grammar.Symbol] = []
        // Texts and characters that follow each other are one terminal; rules stay apart, since each may be used elsewhere too.
        var run: [ByteRegex] = []
        for member in members {
            var parts = 0
            if !member.isRule, let regex = regex(member, &parts), parts <= GBNFLowering.mostParts {
                run.append(regex)
                continue
            }
            if !run.isEmpty { result.append(grammar.terminal(.concatenation(run))) }
            run = []
            result.append(try symbol(member))
        }
        if !run.isEmpty { result.append(grammar.terminal(.concatenation(run))) }
        try count(result.count)
        return result
    }

    private mutating func count(_ symbols: Int) throws {
        size += symbols + 1
        guard size <= GBNFLowering.mostSymbols else {
            throw HadalError(.limitExceeded, "a grammar has more than \(GBNFLowering.mostSymbols) symbols", at: SourcePlace(name))
        }
    }

    private mutating func symbol(_ syntax: GBNFSyntax) throws -> Grammar.Symbol {
        if case .rule(let index) = syntax { return try symbol(ofRule: index) }
        var parts = 0
        if let regex = regex(syntax, &parts), parts <= GBNFLowering.mostParts { return grammar.terminal(regex) }
        switch syntax {
        case .repetition(let inner, let minimum, let maximum):
            return try repetition(of: try symbol(inner), minimum: minimum, maximum: maximum)
        default:
            let alternatives = try alternatives(syntax)
            return alternatives.count == 1 && alternatives[0].count == 1 ? alternatives[0][0] : grammar.rule(alternatives)
        }
    }

    private mutating func repetition(of inner: Grammar.Symbol, minimum: Int, maximum: Int?) throws -> Grammar.Symbol {
        try count(max(minimum, maximum ?? 0))
        let required = Array(repeating: inner, count: minimum)
        guard let maximum else {
            let list = grammar.declareRule()
            grammar.define(list, [[], [list, inner]])
            return minimum == 0 ? list : grammar.rule([required + [list]])
        }
        var rest: Grammar.Symbol?
        for _ in 0..<(maximum - minimum) { rest = grammar.rule([[], [inner] + (rest.map { [$0] } ?? [])]) }
        return grammar.rule([required + (rest.map { [$0] } ?? [])])
    }
}

extension GBNFSyntax {
    fileprivate var isRule: Bool { if case .rule = self { true } else { false } }
}
