import HadalBackend
import HadalCore

/// Puts the tokens of one generation into its session, several in a step where drafts of them prove right.
///
/// The caller samples every token from the session's logits as it would without drafts. A token that equals the next draft costs no step: the
/// state holds it and its logits are there. Any other ends the round, and what was drafted beyond it is written over. Not thread-safe.
final class Speculator {
    private let session: Session
    private let drafter: any Drafter
    private var controller: SpeculationController
    private let most: Int
    /// `[most + 1, vocabulary]`: logits of the last step with drafts.
    private let rows: UnsafeMutablePointer<Float>
    private let drafts: UnsafeMutablePointer<Int32>
    /// Drafts in the state, and how many of them were kept.
    private var proposed = 0
    private var kept = 0
    private var draftSeconds = 0.0
    private var stepSeconds = 0.0
    private var stepStart = ContinuousClock.now

    /// nil when the session's engine does not speculate.
    init?(_ session: Session) {
        let options = session.engine.options.speculation
        guard let drafter = session.makeDrafter() else { return nil }
        most = min(
            max(options.maxDraftTokens, 1), SpeculationOptions.mostDraftTokens, session.engine.program.bounds.rows - 1,
            session.engine.program.bounds.tokens - 1)
        guard most > 0 else { return nil }
        self.session = session
        self.drafter = drafter
        controller = SpeculationController(most: most, start: drafter.firstLength, isAdaptive: options.isAdaptive)
        rows = .allocate(capacity: (most + 1) * session.engine.vocabularySize)
        drafts = .allocate(capacity: most)
    }

    deinit {
        rows.deallocate()
        drafts.deallocate()
    }

    /// Takes a token that was sampled from the session's logits: if it is the next draft, the session holds it already.
    func takesDraft(_ token: Int32) -> Bool {
        guard kept < proposed, drafts[kept] == token else {
            finishRound()
            return false
        }
        kept += 1
        session.accept(logits: rows + kept * session.engine.vocabularySize)
        return true
    }

    /// The step with a token that is not drafted, and with drafts of what follows it. nil: it goes in alone.
    ///
    /// - Parameters:
    ///   - remaining: tokens that may still be generated after it.
    ///   - most: drafts that the step has room for.
    /// - Throws: `cancelled` when the session was.
    func part(of token: Int32, remaining: Int, most: Int) throws -> StepPart? {
        let clock = ContinuousClock()
        let limit = min(remaining, room, most)
        let behind = drafter.behind(session)
        stepStart = clock.now
        let length = controller.draftLength(limit: limit, behind: behind)
        guard length > 0 else { return nil }

        if behind > Self.unnoticed {
            let start = clock.now
            _ = try draftSafely {
                try drafter.catchUp(session); return 0
            }
            controller.addCatchUp(tokens: behind, seconds: (clock.now - start).seconds)
        }
        let start = clock.now
        session.storage[session.count] = token
        let drafted = try draftSafely { try drafter.draft(session, limit: length, into: drafts) }
        stepStart = clock.now
        guard drafted > 0 else { return nil }
        draftSeconds = (stepStart - start).seconds
        return session.part(of: token, drafts: UnsafeBufferPointer(start: drafts, count: drafted))
    }

    /// A step of `part` has run: keeps the chosen token.
    func accept(_ part: StepPart, logits: UnsafePointer<Float>) {
        rows.update(from: logits, count: part.count * session.engine.vocabularySize)
        session.accept(logits: rows)
        proposed = part.count - 1
        stepSeconds = (ContinuousClock.now - stepStart).seconds
        if proposed == 0 { controller.addPlainStep(seconds: stepSeconds) }
    }

    /// The token went in alone.
    func noteOneToken() { controller.addPlainStep(seconds: (ContinuousClock.now - stepStart).seconds) }

    /// What goes wrong while drafting is no failure of the generation: there are no drafts then. Only `cancelled` is passed on.
    private func draftSafely(_ body: () throws -> Int) throws -> Int {
        do { return try body() } catch let error as HadalError where error.code == .cancelled {
            throw error
        } catch {
            if !hasWarned { session.engine.options.log.write(.warning, "no drafts for now: \(error)") }
            hasWarned = true
            return 0
        }
    }

    private var hasWarned = false

    /// Ends the generation: the session keeps nothing of drafts that were not taken.
    func finish() -> SpeculationSummary {
        finishRound()
        session.releaseUnusedPages()
        return controller.summary(kind: drafter.kind)
    }

    /// A few tokens belong to every draft: the ones that were kept since the last.
    private static let unnoticed = SpeculationOptions.mostDraftTokens + 1

    /// Drafts that fit the context, and this side of a length at which rope factors switch.
    private var room: Int {
        let past = session.count
        let ends = session.engine.model.ropeSwitches.filter { $0 >= past } + [session.contextLength]
        return (ends.min() ?? past) - past - 1
    }

    private func finishRound() {
        guard proposed > 0 else { return }
        controller.addRound(drafted: proposed, accepted: kept, draftSeconds: draftSeconds, stepSeconds: stepSeconds)
        (proposed, kept) = (0, 0)
    }
}
