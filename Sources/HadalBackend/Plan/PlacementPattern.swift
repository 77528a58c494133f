import HadalCore
package import HadalGraph

/// Which nodes of a graph a placement rule is about.
///
/// One or more words, all of which must hold:
/// - `rest` (alone): every node that no earlier rule took;
/// - an op's name, `experts`, or a node's label without dots;
/// - a node's label, in which `*` stands for any characters and `?` for one: `layers.*.attention.*`;
/// - `layers 0-11`, `layers 7`, `layers 12-`: nodes under a repeated part of the description (`layers` in the built-in ones), by its
///   index, both ends included. An end past the last one means the last.
package struct PlacementPattern: Sendable, Hashable {
    enum Term: Sendable, Hashable {
        case rest
        case word(String)
        case label(Glob)
        case range(of: String, NumberRange)
    }

    /// As it was written, words apart by one space.
    package let text: String
    let terms: [Term]

    /// - Throws: `invalidArgument` that says what is wrong.
    package init(_ text: String) throws {
        func fail(_ message: String) -> HadalError {
            HadalError(
                .invalidArgument, "placement pattern '\(text)': \(message)",
                hint:
                    "a pattern is an op (experts), a label with * and ? (layers.*.attention.*), a range (layers 0-11), several of these, or rest"
            )
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
                let range = words[index]
                index += 1
                guard let numbers = NumberRange(range) else { throw fail("'\(range)' is not a range") }
                guard numbers.first <= numbers.last ?? .max else { throw fail("the range \(range) ends before it begins") }
                terms.append(.range(of: word, numbers))
            } else if word == "layers" {
                throw fail("'layers' needs a range, as in 'layers 0-11'")
            } else if word.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: ".") }) {
                terms.append(.label(Glob(word, .anyOne)))
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

    package var isRest: Bool { terms == [.rest] }

    package func matches(_ node: Graph.Node) -> Bool { terms.allSatisfy { Self.matches($0, node) } }

    private static func matches(_ term: Term, _ node: Graph.Node) -> Bool {
        switch term {
        case .rest: return true
        case .word(let word): return node.op == word || node.label == word
        case .label(let pattern): return pattern.matches(node.label)
        case .range(let name, let numbers): return Self.index(of: name, in: node.label).map(numbers.contains) ?? false
        }
    }

    /// 3 for `layers` in "layers.3.attention.q".
    static func index(of name: String, in label: String) -> Int? {
        let parts = label.split(separator: ".")
        for (part, next) in zip(parts, parts.dropFirst()) where part == name { if let index = Int(next) { return index } }
        return nil
    }
}
