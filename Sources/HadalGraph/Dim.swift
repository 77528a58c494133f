/// One extent of a value: fixed, or a symbol that each step fills in.
public enum Dim: Sendable, Hashable {
    case fixed(Int)
    case symbol(Symbol)

    /// The extents that vary from step to step. Raw values are part of the plugin ABI.
    public enum Symbol: UInt32, Sendable, CaseIterable {
        /// T: tokens processed in this step, over all sequences.
        case tokens = 1
        /// S: sequences in this step.
        case sequences = 2
        /// R: rows whose logits are wanted.
        case rows = 3

        public var letter: String {
            switch self {
            case .tokens: "T"
            case .sequences: "S"
            case .rows: "R"
            }
        }
    }

    public static let tokens = Dim.symbol(.tokens)
    public static let rows = Dim.symbol(.rows)
}

extension Dim: CustomStringConvertible {
    public var description: String {
        switch self {
        case .fixed(let n): "\(n)"
        case .symbol(let s): s.letter
        }
    }
}
