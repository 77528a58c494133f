import HadalCore

/// What stands at the right side of a rule of GBNF.
indirect enum GBNFSyntax {
    case text([UInt8])
    case characters(ScalarSet)
    case rule(Int)
    case sequence([GBNFSyntax])
    case alternatives([GBNFSyntax])
    case repetition(GBNFSyntax, minimum: Int, maximum: Int?)

    /// Calls `body` with each rule that is named.
    func forEachRule(_ body: (Int) -> Void) {
        switch self {
        case .text, .characters: break
        case .rule(let index): body(index)
        case .sequence(let parts), .alternatives(let parts): for part in parts { part.forEachRule(body) }
        case .repetition(let inner, _, _): inner.forEachRule(body)
        }
    }
}
