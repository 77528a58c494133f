import HadalCore

/// Turns a pattern with assertions into an expression without any.
///
/// An assertion that looks back restricts all that stands before it, one that looks ahead all that stands behind it. Outside of loops a
/// pattern is a list of paths, and along a path both can be said with intersections of what lies to one side.
struct RegexExpansion {
    private enum Element {
        case plain(CharacterRegex)
        case assertion(RegexAssertion, offset: Int)
    }

    let reader: RegexReader
    /// Parts of paths that may still be made. Each may be as long as the pattern, so that a long one may have fewer.
    private var budget: Int

    init(reader: RegexReader) {
        self.reader = reader
        budget = (1 << 19) / max(reader.scalars.count, 64)
    }

    private mutating func spend(_ count: Int) throws {
        budget -= count
        if budget < 0 { throw reader.limit("too many groups with assertions follow each other", at: 0) }
    }

    /// What `syntax` matches with `before` and `after` around it, those included.
    mutating func language(of syntax: RegexSyntax, before: CharacterRegex, after: CharacterRegex) throws -> CharacterRegex {
        if let regex = syntax.regex { return .joined([before, regex, after]) }
        return .any(of: try paths(syntax).map { try language(of: $0, before: before, after: after) })
    }

    private mutating func paths(_ syntax: RegexSyntax) throws -> [[Element]] {
        try spend(1)
        switch syntax {
        case .plain(let regex): return [[.plain(regex)]]
        case .assertion(let assertion, let offset): return [[.assertion(assertion, offset: offset)]]
        case .alternatives(let parts): return try parts.flatMap { try paths($0) }
        case .sequence(let parts):
            var result: [[Element]] = [[]]
            for part in parts {
                let tails = try paths(part)
                var grown: [[Element]] = []
                for head in result {
                    for tail in tails {
                        try spend(head.count + tail.count)
                        grown.append(head + tail)
                    }
                }
                result = grown
            }
            return result
        }
    }

    private mutating func language(of path: [Element], before: CharacterRegex, after: CharacterRegex) throws -> CharacterRegex {
        try spend(path.count)
        if let index = path.firstIndex(where: { if case .assertion(.wordBoundary, _) = $0 { true } else { false } }) {
            return .any(of: try boundary(path, at: index).map { try language(of: $0, before: before, after: after) })
        }
        let ordered = RegexExpansion.backBeforeAhead(path)
        var split = 0
        var firstAhead: Int?
        for (index, element) in ordered.enumerated() {
            guard case .assertion(let assertion, let offset) = element else { continue }
            if !assertion.looksBack {
                firstAhead = firstAhead ?? index
            } else if firstAhead != nil {
                throw reader.unsupported("an assertion that looks back, after one that looks ahead", at: offset)
            } else {
                split = index + 1
            }
        }
        var head = before
        for element in ordered[..<split] {
            switch element {
            case .plain(let regex): head = .joined([head, regex])
            case .assertion(let assertion, _): head = try restrict(head, by: assertion, atStart: false)
            }
        }
        let firstPlain = ordered[split...].firstIndex { if case .plain = $0 { true } else { false } } ?? ordered.count
        var tail = after
        for (index, element) in ordered.enumerated().dropFirst(split).reversed() {
            switch element {
            case .plain(let regex): tail = .joined([regex, tail])
            case .assertion(let assertion, _): tail = try restrict(tail, by: assertion, atStart: head == .empty && index < firstPlain)
            }
        }
        return .joined([head, tail])
    }

    /// Assertions at one point of the text hold together in any order.
    private static func backBeforeAhead(_ path: [Element]) -> [Element] {
        var result: [Element] = []
        var ahead: [Element] = []
        for element in path {
            switch element {
            case .assertion(let assertion, _) where !assertion.looksBack: ahead.append(element)
            case .assertion: result.append(element)
            case .plain(.empty): continue
            case .plain:
                result += ahead
                ahead = []
                result.append(element)
            }
        }
        return result + ahead
    }

    /// - Parameter atStart: whether the assertion stands at the start of the text, where a `^` inside it holds.
    private mutating func restrict(_ text: CharacterRegex, by assertion: RegexAssertion, atStart: Bool) throws -> CharacterRegex {
        let matching: CharacterRegex
        let isNegative: Bool
        switch assertion {
        case .textStart, .textEnd: return text.isNullable ? .empty : .nothing
        case .wordBoundary: return text
        case .lookahead(let inner, let negative):
            try check(inner, looksBack: false, atStart: atStart)
            matching = try language(of: inner, before: .empty, after: .anyText)
            isNegative = negative
        case .lookbehind(let inner, let negative):
            try check(inner, looksBack: true, atStart: false)
            matching = try language(of: inner, before: .anyText, after: .empty)
            isNegative = negative
        }
        return .all(of: [text, isNegative ? RegexExpansion.complement(matching) : matching])
    }

    private static func complement(_ regex: CharacterRegex) -> CharacterRegex {
        switch regex {
        case .nothing: .anyText
        case .anyText: .nothing
        default: .complement(regex)
        }
    }

    /// The inside of an assertion may itself look only in the same direction: the other side is not known there.
    private mutating func check(_ inner: RegexSyntax, looksBack: Bool, atStart: Bool) throws {
        if inner.regex != nil { return }
        for element in try paths(inner).joined() {
            guard case .assertion(let assertion, let place) = element else { continue }
            switch assertion {
            case .textStart where atStart: continue
            case .wordBoundary: throw reader.unsupported("a word boundary inside an assertion", at: place)
            case _ where assertion.looksBack != looksBack:
                throw reader.unsupported("an assertion inside one that looks in the other direction", at: place)
            default: continue
            }
        }
    }

    /// A boundary is a pair of conditions, one to each side; where a neighbour decides one of them, the other is enough.
    private func boundary(_ path: [Element], at index: Int) -> [[Element]] {
        guard case .assertion(.wordBoundary(let negative), let offset) = path[index] else { return [path] }
        let word = RegexSyntax.plain(.set(.wordCharacters))
        func replaced(_ assertions: [RegexAssertion]) -> [Element] {
            Array(path[..<index]) + assertions.map { .assertion($0, offset: offset) } + Array(path[(index + 1)...])
        }
        if index + 1 < path.count, case .plain(let next) = path[index + 1], let starts = RegexExpansion.isWord(next, next.firstCharacters) {
            return [replaced([.lookbehind(word, negative: starts != negative)])]
        }
        if index > 0, case .plain(let last) = path[index - 1], let ends = RegexExpansion.isWord(last, last.lastCharacters) {
            return [replaced([.lookahead(word, negative: ends != negative)])]
        }
        return [false, true].map { back in
            replaced([.lookbehind(word, negative: back), .lookahead(word, negative: back == negative)])
        }
    }

    private static func isWord(_ regex: CharacterRegex, _ edge: ScalarSet) -> Bool? {
        if regex.isNullable || edge.isEmpty { return nil }
        if edge.isSubset(of: .wordCharacters) { return true }
        return edge.intersection(.wordCharacters).isEmpty ? false : nil
    }
}
