import HadalCache
import Synchronization

/// The tokens of answers, by the text that they answer: the same text may be made of other tokens than a tokenizer makes of it, and the cache knows
/// those alone that the model wrote.
///
/// Thread safety: any thread.
final class AnswerMemory: Sendable {
    /// Tokens of all answers that are held.
    static let mostTokens = 1 << 20
    /// Answers to the same text, the latest.
    private static let mostAlternatives = 4

    private struct State {
        var answers: [BlockKey: [[Int32]]] = [:]
        /// In the order in which they came; a key stands there once for each of its answers.
        var order: [BlockKey] = []
        var tokens = 0

        mutating func removeFirst() {
            let key = order.removeFirst()
            guard var known = answers[key], let first = known.first else { return }
            tokens -= first.count
            known.removeFirst()
            answers[key] = known.isEmpty ? nil : known
        }
    }

    private let state = Mutex(State())
    private let mostTokens: Int

    init(mostTokens: Int = AnswerMemory.mostTokens) { self.mostTokens = mostTokens }

    func note(_ tokens: [Int32], of key: BlockKey) {
        state.withLock { state in
            var known = state.answers[key] ?? []
            guard !tokens.isEmpty, tokens.count <= mostTokens, !known.contains(tokens) else { return }
            known.append(tokens)
            state.tokens += tokens.count
            state.order.append(key)
            if known.count > Self.mostAlternatives, let place = state.order.firstIndex(of: key) {
                state.order.remove(at: place)
                state.tokens -= known.removeFirst().count
            }
            state.answers[key] = known
            while state.tokens > mostTokens { state.removeFirst() }
        }
    }

    /// The answers to the text, the latest first.
    func answers(of key: BlockKey) -> [[Int32]] { state.withLock { $0.answers[key] ?? [] }.reversed() }
}
