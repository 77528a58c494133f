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
    /// The last step with drafts.
    private let ahead: RowsAhead
    private var draftSeconds = 0.0
    private var stepSeconds = 0.0
    private var stepStart = ContinuousClock.now

    /// nil when the session's engine does not speculate.
    init?(_ session: Session) {
        let options = session.engine.options.speculation
        guard let drafter = session.makeDrafter() else { return nil }
        let most = min(
            max(options.maxDraftTokens, 1), SpeculationOptions.mostDraftTokens, session.engine.program.bounds.rows - 1,
            session.engine.program.bounds.tokens - 1)
        guard most > 0 else { return nil }
        self.session = session
        self.drafter = drafter
        controller = SpeculationController(most: most, start: drafter.firstLength, isAdaptive: options.isAdaptive)
        ahead = RowsAhead(session, most: most)
    }

    /// Takes a token that was sampled from the session's logits: if it is the next draft, the session holds it already.
    func takesDraft(_ token: Int32) -> Bool {
        if ahead.takes(token) { return true }
        finishRound()
        return false
    }

    /// The step with a token that is not drafted, and with drafts of what follows it. nil: it goes in alone.
    ///
    /// - Parameters:
    ///   - remaining: tokens that may still be generated after it.
    ///   - most: drafts that the step has room for.
    /// - Throws: `cancelled` when the session was.
    func part(of token: Int32, remaining: Int, most: Int) throws -> StepPart? {
        let clock = ContinuousClock()
        let limit = min(remaining, session.roomForRows, most)
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
        let drafted = try draftSafely { try drafter.draft(session, limit: length, into: ahead.tokens) }
        stepStart = clock.now
        guard drafted > 0 else { return nil }
        draftSeconds = (stepStart - start).seconds
        return ahead.part(of: token, count: drafted)
    }

    /// A step of `part` has run: keeps the chosen token.
    func accept(_ part: StepPart, logits: UnsafePointer<Float>) {
        ahead.accept(part, logits: logits)
        stepSeconds = (ContinuousClock.now - stepStart).seconds
        if ahead.proposed == 0 { controller.addPlainStep(seconds: stepSeconds) }
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

    private func finishRound() {
        guard ahead.proposed > 0 else { return }
        controller.addRound(drafted: ahead.proposed, accepted: ahead.kept, draftSeconds: draftSeconds, stepSeconds: stepSeconds)
        ahead.forget()
    }
}
