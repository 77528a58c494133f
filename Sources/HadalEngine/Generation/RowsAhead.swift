import HadalCore

/// A step's tokens behind the first and the logits of them all, kept until each token proves to be the one that is chosen.
///
/// A token that equals the next of them costs no step: the state holds it and its logits are there. What was not taken is written over.
/// Not thread-safe.
final class RowsAhead {
    private let session: Session
    let most: Int
    /// Room for `most` tokens.
    let tokens: UnsafeMutablePointer<Int32>
    /// `[most + 1, vocabulary]`
    private let rows: UnsafeMutablePointer<Float>
    /// Tokens in the state behind the first, and how many of them were taken.
    private(set) var proposed = 0
    private(set) var kept = 0

    /// - Parameter most: tokens behind the first.
    init(_ session: Session, most: Int) {
        self.session = session
        self.most = most
        rows = .allocate(capacity: (most + 1) * session.engine.vocabularySize)
        tokens = .allocate(capacity: most)
    }

    deinit {
        rows.deallocate()
        tokens.deallocate()
    }

    /// The step with a chosen token and so many of `tokens`.
    func part(of token: Int32, count: Int) -> StepPart {
        session.part(of: token, drafts: UnsafeBufferPointer(start: tokens, count: count))
    }

    /// A step of `part` has run: keeps the chosen token.
    func accept(_ part: StepPart, logits: UnsafePointer<Float>) {
        rows.update(from: logits, count: part.count * session.engine.vocabularySize)
        session.accept(logits: rows)
        (proposed, kept) = (part.count - 1, 0)
    }

    /// Takes a token that was chosen: if it is the next one, the session holds it already.
    func takes(_ token: Int32) -> Bool {
        guard kept < proposed, tokens[kept] == token else { return false }
        kept += 1
        session.accept(logits: rows + kept * session.engine.vocabularySize)
        return true
    }

    func forget() { (proposed, kept) = (0, 0) }
}
