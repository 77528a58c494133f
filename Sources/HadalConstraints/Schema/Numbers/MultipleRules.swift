/// Integers between two bounds with given remainders, as rules of a grammar: a state of an automaton is a rule.
///
/// As an expression, the multiples of 7 alone would have thousands of members.
struct MultipleRules {
    private struct State: Hashable {
        var remainder: Int
        var count: Int
        /// How the digits compare with as many of a bound's: -1, 0 or 1.
        var toLow: Int
        var toHigh: Int
    }

    static let maximumStates = 6000

    private let modulus: Int
    private let low: [UInt8]
    private let high: [UInt8]?
    private let divisors: [Int]
    private let nonDivisors: [Int]

    /// - Parameter interval: with bounds that are not negative.
    /// - Returns: nil where too many states would be needed.
    init?(_ interval: NumberInterval, divisors: [Int], nonDivisors: [Int]) {
        var modulus = 1
        for divisor in divisors + nonDivisors {
            let (product, overflow) = (modulus / Divisor.greatestCommonDivisor(modulus, divisor)).multipliedReportingOverflow(by: divisor)
            guard !overflow, product <= MultipleRules.maximumStates else { return nil }
            modulus = product
        }
        self.modulus = modulus
        low = interval.lower?.integerDigits ?? [0]
        high = interval.upper?.integerDigits
        self.divisors = divisors
        self.nonDivisors = nonDivisors
    }

    private func next(_ state: State, _ digit: UInt8) -> State? {
        // Nothing follows a leading zero.
        if state.count > 0, state.remainder == 0, state.toLow == 2 { return nil }
        var next = state
        next.remainder = (state.remainder * 10 + Int(digit)) % modulus
        next.count += 1
        if state.count < low.count, state.toLow == 0 { next.toLow = digit < low[state.count] ? -1 : digit > low[state.count] ? 1 : 0 }
        if let high {
            if state.count >= high.count { return nil }
            if state.toHigh == 0 { next.toHigh = digit < high[state.count] ? -1 : digit > high[state.count] ? 1 : 0 }
            if next.count == high.count, next.toHigh > 0 { return nil }
        }
        if next.count > low.count { next.toLow = 1 }
        if state.count == 0, digit == 0 { next = State(remainder: 0, count: 1, toLow: 2, toHigh: 0) }
        if high == nil, next.count > low.count { next.count = low.count + 1 }
        return next
    }

    private func accepts(_ state: State) -> Bool {
        guard state.count > 0 else { return false }
        if state.toLow == 2 {
            guard low == [0] else { return false }
        } else if state.count < low.count || (state.count == low.count && state.toLow < 0) {
            return false
        }
        return divisors.allSatisfy { state.remainder % $0 == 0 } && !nonDivisors.contains { state.remainder % $0 == 0 }
    }

    /// The digits as a rule of `grammar`; nil where too many states would be needed, or there are none.
    func write(to grammar: inout Grammar) -> Grammar.Symbol? {
        let start = State(remainder: 0, count: 0, toLow: 0, toHigh: 0)
        var symbols = [start: grammar.declareRule()]
        var pending = [start]
        while let state = pending.popLast() {
            var groups: [State: ByteSet] = [:]
            var order: [State] = []
            for digit in UInt8(0)...9 {
                guard let next = next(state, digit) else { continue }
                if groups[next] == nil { order.append(next) }
                groups[next, default: ByteSet()].insert(UInt8(ascii: "0") + digit)
            }
            var alternatives: [[Grammar.Symbol]] = []
            for next in order {
                let digits = grammar.terminal(.set(groups[next] ?? ByteSet()))
                if accepts(next) { alternatives.append([digits]) }
                if symbols[next] == nil {
                    guard symbols.count < MultipleRules.maximumStates else { return nil }
                    symbols[next] = grammar.declareRule()
                    pending.append(next)
                }
                if let symbol = symbols[next] { alternatives.append([digits, symbol]) }
            }
            if let symbol = symbols[state] { grammar.define(symbol, alternatives) }
        }
        return symbols[start]
    }
}
