extension Grammar {
    /// Takes over another grammar's terminals and rules.
    ///
    /// - Returns: the symbol here for the other grammar's start.
    package mutating func add(_ other: Grammar) -> Symbol {
        let terminals = other.terminals.map { terminal($0) }
        let rules = other.rules.map { _ in declareRule() }
        func here(_ symbol: Symbol) -> Symbol {
            switch symbol {
            case .terminal(let index): terminals[index]
            case .rule(let index): rules[index]
            }
        }
        for (rule, alternatives) in zip(rules, other.rules) { define(rule, alternatives.map { $0.map(here) }) }
        return here(other.start)
    }

    /// Texts of these grammars, one behind the other.
    package static func sequence(_ grammars: [Grammar]) -> Grammar {
        var result = Grammar()
        let parts = grammars.map { result.add($0) }
        result.start = result.rule([parts])
        return result
    }

    /// Texts of any of these grammars.
    package static func choice(_ grammars: [Grammar]) -> Grammar {
        var result = Grammar()
        let parts = grammars.map { result.add($0) }
        result.start = result.rule(parts.map { [$0] })
        return result
    }

    /// Texts of one expression.
    package init(_ regex: ByteRegex) {
        self.init()
        start = terminal(regex)
    }

    /// Any bytes up to the first `marker`, the marker, and from there on a text of `grammar`: reasoning that is free, and an answer that is
    /// not.
    ///
    /// - Parameter marker: not empty.
    package static func freeText(until marker: String, then grammar: Grammar) -> Grammar {
        var result = Grammar()
        let free = result.terminal(.until(marker))
        let rest = result.add(grammar)
        result.start = result.rule([[free, rest]])
        return result
    }
}

extension ByteRegex {
    package static let anyBytes = ByteRegex.repetition(.set(.all), minimum: 0, maximum: nil)

    /// Bytes with this text in them.
    package static func containing(_ text: String) -> ByteRegex { .concatenation([anyBytes, .text(text), anyBytes]) }

    /// Any bytes up to the first occurrence of this text and with it: bytes that contain it at their end alone.
    package static func until(_ marker: String) -> ByteRegex {
        let marker = ByteRegex.text(marker)
        let earlier = ByteRegex.concatenation([anyBytes, marker, .repetition(.set(.all), minimum: 1, maximum: nil)])
        return .intersection([.concatenation([anyBytes, marker]), .complement(earlier)])
    }
}
