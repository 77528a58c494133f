/// Tokens that a model's makers, or a caller, never want chosen. Ids outside the vocabulary mean nothing.
public struct SuppressedTokens: Sendable, Equatable {
    /// Never chosen.
    public var always: [Int32]
    /// Not chosen as the first token of a generation.
    public var atStart: [Int32]
    /// Each: its last token is not chosen after the others of it, which may lie in the prompt. One token alone is never chosen.
    public var sequences: [[Int32]]

    public init(always: [Int32] = [], atStart: [Int32] = [], sequences: [[Int32]] = []) {
        self.always = always
        self.atStart = atStart
        self.sequences = sequences
    }

    public var isEmpty: Bool { always.isEmpty && atStart.isEmpty && sequences.isEmpty }

    /// Allocates nothing.
    ///
    /// - Parameter logits: `[vocabulary]`, changed in place.
    func apply(to logits: UnsafeMutablePointer<Float>, vocabulary: Int, history: UnsafeBufferPointer<Int32>, promptLength: Int) {
        guard !isEmpty else { return }
        let logits = UnsafeMutableBufferPointer(start: logits, count: vocabulary)
        for token in always { Self.suppress(token, logits) }
        if history.count <= promptLength { for token in atStart { Self.suppress(token, logits) } }
        for sequence in sequences {
            guard let last = sequence.last, Self.ends(history, with: sequence.dropLast()) else { continue }
            Self.suppress(last, logits)
        }
    }

    private static func suppress(_ token: Int32, _ logits: UnsafeMutableBufferPointer<Float>) {
        if logits.indices.contains(Int(token)) { logits[Int(token)] = -.infinity }
    }

    private static func ends(_ history: UnsafeBufferPointer<Int32>, with tail: ArraySlice<Int32>) -> Bool {
        guard tail.count <= history.count else { return false }
        for (index, token) in tail.enumerated() where history[history.count - tail.count + index] != token { return false }
        return true
    }
}
