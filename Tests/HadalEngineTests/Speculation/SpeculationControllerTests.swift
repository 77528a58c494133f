import Testing

@testable import HadalEngine

/// The decisions of speculation, with made-up costs: no clock is involved.
@Suite("When to draft")
struct SpeculationControllerTests {
    /// A machine: what steps and drafts cost, and how many drafts in a row are kept.
    private struct Machine {
        var plain = 1.0
        var step: (Int) -> Double
        var draft: Double
        var kept: (Int) -> Int
        var catchUp = 0.0
    }

    private struct Outcome {
        var lengths: [Int] = []
        var seconds = 0.0
        var tokens = 0
    }

    private func run(_ controller: inout SpeculationController, _ machine: Machine, tokens: Int) -> Outcome {
        var outcome = Outcome()
        var behind = 0
        while outcome.tokens < tokens {
            let length = controller.draftLength(limit: .max, behind: behind)
            outcome.lengths.append(length)
            if length == 0 {
                controller.addPlainStep(seconds: machine.plain)
                outcome.seconds += machine.plain
                outcome.tokens += 1
                behind += 1
                continue
            }
            if behind > 0 {
                controller.addCatchUp(tokens: behind, seconds: machine.catchUp * Double(behind))
                outcome.seconds += machine.catchUp * Double(behind)
                behind = 0
            }
            let kept = min(machine.kept(length), length)
            let (draft, step) = (machine.draft * Double(length), machine.step(length))
            controller.addRound(drafted: length, accepted: kept, draftSeconds: draft, stepSeconds: step)
            outcome.seconds += draft + step
            outcome.tokens += 1 + kept
        }
        return outcome
    }

    @Test("drafts that are kept and cost little grow longer, and stay on")
    func gain() {
        var controller = SpeculationController(most: 7, start: 2, isAdaptive: true)
        let outcome = run(&controller, Machine(step: { 1 + 0.05 * Double($0) }, draft: 0.05, kept: { $0 }), tokens: 800)
        #expect(outcome.lengths.last == 7 && controller.switchedOffAfter == nil)
        #expect(
            outcome.lengths.prefix(SpeculationController.plainSteps.first).allSatisfy { $0 == 0 }, "plain steps come first, to compare with"
        )
        let gain = controller.summary(kind: "draft").netGain ?? 0
        #expect(gain > 3 && gain < 8 / 1.7)
        #expect(controller.accepted == controller.drafted && controller.summary(kind: "draft").tokensPerStep > 6)
        #expect(outcome.seconds < 800 / 3)
    }

    @Test("the length follows the acceptance")
    func length() {
        for (kept, longest) in [(0, 1), (1, 2), (2, 4)] {
            var controller = SpeculationController(most: 7, start: 3, isAdaptive: true)
            let outcome = run(&controller, Machine(step: { 1 + 0.02 * Double($0) }, draft: 0.2, kept: { _ in kept }), tokens: 60)
            #expect(outcome.lengths.suffix(8).allSatisfy { $0 <= longest }, "\(kept): \(outcome.lengths)")
        }
    }

    @Test("drafts that nobody keeps are given up, and the answer goes on at nearly the plain speed")
    func loss() {
        var controller = SpeculationController(most: 7, start: 3, isAdaptive: true)
        let outcome = run(&controller, Machine(step: { 1 + 0.1 * Double($0) }, draft: 0.3, kept: { _ in 0 }, catchUp: 0.01), tokens: 4000)
        let off = controller.switchedOffAfter ?? 0
        #expect(off > 0 && off < 16, "the loss is plain after a few rounds")
        #expect(controller.summary(kind: "draft").netGain ?? 1 < 0.8)
        // Tried again, but rarely: each pause is twice as long.
        let rounds = outcome.lengths.filter { $0 > 0 }.count
        #expect(rounds >= 3 * SpeculationController.hopeless.rounds && rounds < 10 * SpeculationController.hopeless.rounds)
        #expect(outcome.seconds < 4000 * 1.02)
    }

    @Test("a draft model as dear as the model itself loses even when every draft is kept")
    func dearDrafts() {
        var controller = SpeculationController(most: 7, start: 3, isAdaptive: true)
        let outcome = run(&controller, Machine(step: { 1 + 0.1 * Double($0) }, draft: 1, kept: { $0 }, catchUp: 0.2), tokens: 3000)
        #expect(controller.switchedOffAfter != nil && controller.summary(kind: "draft").netGain ?? 1 < 1)
        // Catching up would cost a fifth of all that follows: it is not tried again.
        #expect(outcome.lengths.filter { $0 > 0 }.count < SpeculationController.window)
        #expect(outcome.seconds < 3000 * 1.03)
    }

    @Test("drafting comes back when it pays again")
    func comesBack() {
        var controller = SpeculationController(most: 4, start: 1, isAdaptive: true)
        var machine = Machine(step: { 1 + 0.1 * Double($0) }, draft: 0.1, kept: { _ in 0 })
        _ = run(&controller, machine, tokens: 100)
        #expect(controller.isPaused)
        machine.kept = { $0 }
        let outcome = run(&controller, machine, tokens: 1000)
        #expect(!controller.isPaused && outcome.lengths.last ?? 0 > 0)
    }

    @Test("a step that grows dearer is compared with plain steps of its own time")
    func drift() {
        var controller = SpeculationController(most: 4, start: 2, isAdaptive: true)
        let cheap = Machine(step: { 1 + 0.1 * Double($0) }, draft: 0.1, kept: { $0 })
        _ = run(&controller, cheap, tokens: 200)
        var dear = cheap
        dear.plain = 3
        dear.step = { 3 + 0.3 * Double($0) }
        _ = run(&controller, dear, tokens: 800)
        #expect(controller.switchedOffAfter == nil && controller.windowGain ?? 0 > 1.5)
    }

    @Test("without adapting every step has as many drafts as fit")
    func fixed() {
        var controller = SpeculationController(most: 5, start: 1, isAdaptive: false)
        #expect(controller.draftLength(limit: 3, behind: 10) == 3)
        let outcome = run(&controller, Machine(step: { _ in 9 }, draft: 9, kept: { _ in 0 }), tokens: 100)
        #expect(Set(outcome.lengths) == [5] && controller.summary(kind: "draft").netGain == nil && controller.switchedOffAfter == nil)
        #expect(controller.draftLength(limit: 0, behind: 0) == 0 && controller.draftLength(limit: -1, behind: 0) == 0)
    }

    @Test("figures of generations in a row are added")
    func sums() {
        var first = SpeculationSummary(kind: "draft")
        (first.draftedTokens, first.acceptedTokens, first.steps, first.seconds, first.plainSeconds) = (10, 6, 4, 2, 5)
        var second = first
        (second.acceptedTokens, second.seconds, second.plainSeconds, second.switchedOffAfter) = (2, 3, 2.5, 7)
        first.add(second, after: 100)
        #expect(first.acceptance == 0.4 && first.tokensPerStep == 2 && first.netGain == 1.5 && first.switchedOffAfter == 107)
        first.add(SpeculationSummary(kind: "draft"), after: 200)
        #expect(first.netGain == 1.5)
        second.plainSeconds = nil
        first.add(second, after: 200)
        #expect(first.netGain == nil && first.switchedOffAfter == 107)
    }
}
