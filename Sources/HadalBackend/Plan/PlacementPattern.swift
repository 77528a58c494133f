import HadalCore
import HadalGraph

/// Which nodes of a graph a placement rule is about.
///
/// One or more words, all of which must hold:
/// - `rest` (alone): every node that no earlier rule took;
/// - an op's name, `experts`, or a node's label without dots;
/// - a node's label, in which `*` stands for any characters and `?` for one: `layers.*.attention.*`;
/// - `layers 0-11`, `layers 7`, `layers 12-`: nodes under a repeated part of the description (`layers` in the built-in ones), by its
///   index, both ends included. An end past the last one means the last.
public struct PlacementPattern: Sendable, Hashable {
    enum Term: Sendable, Hashable {
        case rest
        case word(String)
        case label([UInt8])
        case range(of: String, first: Int, last: Int?)
    }

    /// As it was written, words apart by one space.
    public let text: String
    let terms: [Term]

    /// - Throws: `invalidArgument` that says what is wrong.
    public init(_ text: String) throws {
        func fail(_ message: String) -> HadalError {
            HadalError(
                .invalidArgument, "placement pattern '\(text)': \(message)",
                hint: "a pattern is an op (experts), a label with * and ? (layers.*.attention.*), a range (layers 0-11), several of these, or rest")
        }
        guard text.utf8.count <= 1024 else { throw HadalError(.invalidArgument, "a placement pattern of more than 1024 bytes") }
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard !words.isEmpty else { throw fail("it is empty") }
        var terms: [Term] = []
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            if word == "rest" {
                guard words.count == 1 else { throw fail("'rest' cannot be combined with other patterns") }
                terms.append(.rest)
            } else if Self.isRange(word) {
                throw fail("'\(word)' needs what it counts before it, as in 'layers \(word)'")
            } else if index < words.count, Self.isRange(words[index]) {
                let ends = words[index].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                index += 1
                guard let first = Int(ends[0]), let last = ends.count == 1 ? first : ends[1].isEmpty ? Int.max : Int(ends[1]) else {
                    throw fail("'\(words[index - 1])' is not a range")
                }
                guard first <= last else { throw fail("the range \(words[index - 1]) ends before it begins") }
                terms.append(.range(of: word, first: first, last: last == Int.max ? nil : last))
            } else if word == "layers" {
                throw fail("'layers' needs a range, as in 'layers 0-11'")
            } else if word.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: ".") }) {
                terms.append(.label(Array(word.utf8)))
            } else {
                terms.append(.word(word))
            }
        }
        self.text = words.joined(separator: " ")
        self.terms = terms
    }

    /// `3`, `3-7`, `3-`.
    private static func isRange(_ word: String) -> Bool {
        guard let first = word.utf8.first, first >= 0x30, first <= 0x39 else { return false }
        return word.utf8.allSatisfy { $0 == UInt8(ascii: "-") || ($0 >= 0x30 && $0 <= 0x39) }
    }

    public var isRest: Bool { terms == [.rest] }

    public func matches(_ node: Graph.Node) -> Bool { terms.allSatisfy { Self.matches($0, node) } }

    private static func matches(_ term: Term, _ node: Graph.Node) -> Bool {
        switch term {
        case .rest: return true
        case .word(let word): return node.op == word || node.label == word
        case .label(let pattern): return glob(pattern, Array(node.label.utf8))
        case .range(let name, let first, let last):
            guard let index = Self.index(of: name, in: node.label) else { return false }
            return index >= first && index <= last ?? .max
        }
    }

    /// 3 for `layers` in "layers.3.attention.q".
    static func index(of name: String, in label: String) -> Int? {
        let parts = label.split(separator: ".")
        for (part, next) in zip(parts, parts.dropFirst()) where part == name { if let index = Int(next) { return index } }
        return nil
    }

    /// Linear in each star: a star that has been passed is never gone back to.
    static func glob(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var (p, t) = (0, 0)
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                (p, t) = (last.pattern + 1, last.text + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
