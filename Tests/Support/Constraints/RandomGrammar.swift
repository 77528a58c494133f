package import HadalConstraints
package import TestSupport

/// Small expressions, grammars and texts over few letters, in which the odd cases are common.
package enum RandomGrammar {
    package static let letters = Array("abc".utf8)

    package static func regex(_ random: inout SeededGenerator, depth: Int = 3) -> ByteRegex {
        func inner() -> ByteRegex { regex(&random, depth: depth - 1) }
        if depth == 0 || Int.random(in: 0..<3, using: &random) == 0 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0: return .empty
            case 1: return Int.random(in: 0..<4, using: &random) == 0 ? .nothing : .set(.all)
            case 2...3: return .bytes(text(&random, 3))
            case 4: return .set(ByteSet(letters.prefix(2)))
            case 5: return .set(ByteSet([0x61]).complement)
            default: return .set(ByteSet([letters.randomElement(using: &random) ?? 0x61]))
            }
        }
        switch Int.random(in: 0..<9, using: &random) {
        case 0...1: return .concatenation((0..<Int.random(in: 0...3, using: &random)).map { _ in inner() })
        case 2...3: return .union((0..<Int.random(in: 0...3, using: &random)).map { _ in inner() })
        case 4: return .intersection((0..<Int.random(in: 1...2, using: &random)).map { _ in inner() })
        case 5: return .complement(inner())
        case 6:
            let minimum = Int.random(in: 0...3, using: &random)
            let maximum = Bool.random(using: &random) ? nil : Optional(Int.random(in: 0...5, using: &random))
            return .counted(inner(), unit: .set(.all), minimum: minimum, maximum: maximum)
        default:
            let minimum = Int.random(in: 0...2, using: &random)
            let maximum = Bool.random(using: &random) ? nil : Optional(minimum + Int.random(in: 0...2, using: &random))
            return .repetition(inner(), minimum: minimum, maximum: maximum)
        }
    }

    package static func grammar(_ random: inout SeededGenerator) -> Grammar {
        var grammar = Grammar()
        let rules = (0..<Int.random(in: 1...4, using: &random)).map { _ in grammar.declareRule() }
        let terminals = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            grammar.terminal(regex(&random, depth: Int.random(in: 0...2, using: &random)))
        }
        for rule in rules {
            grammar.define(
                rule,
                (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    (0..<Int.random(in: 0...3, using: &random)).map { _ in
                        (Int.random(in: 0..<5, using: &random) < 2 ? rules : terminals).randomElement(using: &random) ?? rules[0]
                    }
                })
        }
        grammar.start = (Int.random(in: 0..<8, using: &random) == 0 ? terminals : rules)[0]
        return grammar
    }

    package static func text(_ random: inout SeededGenerator, _ longest: Int) -> [UInt8] {
        (0..<Int.random(in: 0...longest, using: &random)).map { _ in letters.randomElement(using: &random) ?? 0x61 }
    }
}
