/// What compiling and running a constraint may take. Whatever exceeds it is refused with `HadalError.limitExceeded`.
package struct ConstraintLimits: Sendable {
    /// Nodes of the expressions of one grammar, as they are written.
    package var expressionNodes = 1 << 18
    /// Symbols of all rules of one grammar.
    package var grammarSymbols = 1 << 20
    /// How deeply an expression may nest.
    package var expressionDepth = 250
    /// States that are examined to find out whether an intersection or a complement matches anything.
    package var emptinessStates = 20_000
    /// Items of one state of the parser; grows with the length of the text in highly ambiguous grammars alone.
    package var parserItems = 20_000
    /// Steps of deriving that compiling, one mask or one token may take, each of them a tenth of a microsecond or a few.
    package var work = 4_000_000
    /// Bytes for everything that is derived from a grammar while texts are matched; it is derived again when they are used up.
    package var derivedMemory = 96 << 20
    /// Bytes for masks that are kept for states that come again.
    package var maskMemory = 8 << 20
    /// What more tokens than this begin like is looked at once for all places where a terminal occurs: no limit, but what is faster.
    package var heavyTokens: Int32 = 2500

    package init() {}
}
