import HadalCore

/// Drafts with another model: a session of its engine follows the one that is generated in, and decodes greedily ahead of it.
final class DraftModel: Drafter {
    private let draft: Session
    /// Tokens from the start that both sessions are known to share.
    private var agreed = 0

    var kind: String { "draft" }
    var firstLength: Int { 3 }

    /// - Parameter draft: kept with the session, so that the next turn finds what this one processed.
    init(_ draft: Session) { self.draft = draft }

    func behind(_ session: Session) -> Int { max(session.count - draft.count, 0) }

    func catchUp(_ session: Session) throws {
        try follow(session, upTo: session.count)
    }

    func draft(_ session: Session, limit: Int, into drafts: UnsafeMutablePointer<Int32>) throws -> Int {
        let limit = min(limit, draft.contextLength - session.count)
        guard limit > 0, try follow(session, upTo: session.count + 1), draft.hasLogits else { return 0 }
        let vocabulary = min(session.engine.vocabularySize, draft.engine.vocabularySize)
        for i in 0..<limit {
            drafts[i] = indexOfLargest(draft.logits.baseAddress!, vocabulary)
            guard i + 1 < limit else { break }
            try draft.append(UnsafeBufferPointer(start: drafts + i, count: 1), eachChunk: nil, cancel: session.cancelFlag.address)
        }
        return limit
    }

    /// Brings the draft's session to the first `length` tokens of the other, the last of which it processes in any case.
    ///
    /// - Returns: false when they do not fit, or one of them is no token of the draft's.
    @discardableResult
    private func follow(_ session: Session, upTo length: Int) throws -> Bool {
        guard length > 0, length <= draft.contextLength else { return false }
        var common = min(agreed, draft.count, length - 1)
        while common < min(draft.count, length - 1), draft.storage[common] == session.storage[common] { common += 1 }
        agreed = common
        try draft.rollBack(to: common)
        let new = UnsafeBufferPointer(rebasing: session.storage[common..<length])
        guard new.allSatisfy({ $0 < draft.engine.vocabularySize }) else {
            return false
        }
        try draft.append(new, eachChunk: nil, cancel: session.cancelFlag.address)
        agreed = length
        return true
    }
}
