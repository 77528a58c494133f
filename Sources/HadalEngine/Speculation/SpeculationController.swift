/// Decides how many tokens to draft, from what steps cost and how many drafts are kept, and whether to draft at all.
///
/// A pure calculation: it is told seconds and looks at no clock. It decides on speed alone; tokens do not depend on it.
///
/// With acceptance a of each draft after the ones before it, a step with k drafts gives 1 + a + … + a^k tokens for the price of k drafts and
/// a step of k + 1 tokens (Leviathan et al. 2023, section 3). The k with the most tokens a second is taken. When the last rounds took longer
/// than plain steps would have, drafting pauses, each time for longer.
struct SpeculationController: Sendable {
    /// One step with drafts.
    private struct Round {
        var seconds: Double
        /// What its tokens take in plain steps.
        var plainSeconds: Double
    }

    /// Rounds that the net gain is taken over.
    static let window = 32
    /// Rounds before drafting may be given up: at first, and when it is tried again.
    static let trial = (first: 16, again: 8)
    /// Where the loss is plain, fewer rounds do: these, once the gain is below this.
    static let hopeless = (rounds: 5, gain: 0.75)
    /// Plain steps at the start, to have something to compare with; one more is taken every so many rounds. The very first does not count: what
    /// the prompt's processing pushed out of the caches comes back in it.
    static let plainSteps = (first: 4, every: 24)
    /// Tokens of the first pause; each further pause is twice as long, up to the longest.
    static let pause = (first: 128, longest: 8192)
    /// Share of a pause's time that catching up after it may cost.
    static let catchUpShare = 0.05

    let most: Int
    let isAdaptive: Bool

    private(set) var drafted = 0
    private(set) var accepted = 0
    private(set) var roundCount = 0
    /// What all rounds took, and what catching up did.
    private(set) var seconds = 0.0
    private(set) var switchedOffAfter: Int?

    private var length: Int
    private var plain: [Double] = []
    private var plainWanted = Self.plainSteps.first
    private var roundsSincePlain = 0
    private var rounds: [Round] = []
    private var roundsOfTrial = 0
    private var trialLength = Self.trial.first
    private var acceptance = Decaying(value: 0.7, weight: 2)
    private var draftCost = Decaying()
    private var stepCosts: [Decaying]
    private var catchUpCost = Decaying()
    private var comparedSeconds = 0.0
    private var hasUncomparedRounds = false
    private var generated = 0
    private var pauseLength = Self.pause.first
    private var paused: (tokens: Int, seconds: Double)?

    /// A mean in which what is older counts less.
    private struct Decaying: Sendable {
        var value = 0.0
        var weight = 0.0

        mutating func add(_ sample: Double, weight added: Double = 1, keep: Double = 0.9) {
            weight = weight * keep + added
            if weight > 0 { value += (sample - value) * added / weight }
        }
    }

    /// - Parameters:
    ///   - most: drafts that one step can verify.
    ///   - start: drafts of the first round.
    init(most: Int, start: Int, isAdaptive: Bool) {
        self.most = max(most, 0)
        self.isAdaptive = isAdaptive
        length = min(max(start, 1), max(most, 1))
        stepCosts = Array(repeating: Decaying(), count: max(most, 0) + 1)
        plain.reserveCapacity(8)
        rounds.reserveCapacity(Self.window + 1)
    }

    var isPaused: Bool { paused != nil }

    /// Drafts for the next step; 0: take a plain one.
    ///
    /// - Parameters:
    ///   - limit: drafts that make sense here.
    ///   - behind: tokens that the drafter has to catch up with first.
    mutating func draftLength(limit: Int, behind: Int) -> Int {
        let limit = min(limit, most)
        guard limit > 0 else { return 0 }
        guard isAdaptive else { return limit }
        if let paused {
            guard paused.tokens >= pauseLength, catchUpCost.value * Double(behind) <= Self.catchUpShare * paused.seconds else { return 0 }
            self.paused = nil
            pauseLength = min(2 * pauseLength, Self.pause.longest)
            rounds.removeAll(keepingCapacity: true)
            roundsOfTrial = 0
            trialLength = Self.trial.again
        }
        if plainWanted > 0 { return 0 }
        length = bestLength()
        return min(length, limit)
    }

    /// A plain step was taken.
    mutating func addPlainStep(seconds: Double) {
        generated += 1
        plainWanted = max(plainWanted - 1, 0)
        roundsSincePlain = 0
        if generated > 1 {
            if plain.count == 5 { plain.removeFirst() }
            plain.append(seconds)
        }
        if let paused { self.paused = (paused.tokens + 1, paused.seconds + seconds) }
    }

    /// The drafter caught up with tokens that came without it.
    mutating func addCatchUp(tokens: Int, seconds: Double) {
        guard tokens > 0 else { return }
        catchUpCost.add(seconds / Double(tokens), weight: Double(tokens))
        self.seconds += seconds
    }

    /// A step with drafts is over.
    mutating func addRound(drafted: Int, accepted: Int, draftSeconds: Double, stepSeconds: Double) {
        guard drafted > 0 else { return }
        self.drafted += drafted
        self.accepted += accepted
        roundCount += 1
        generated += 1 + accepted
        acceptance.add(Double(accepted) / Double(min(accepted + 1, drafted)), weight: Double(min(accepted + 1, drafted)))
        draftCost.add(draftSeconds / Double(drafted))
        if stepCosts.indices.contains(drafted) { stepCosts[drafted].add(stepSeconds, keep: 0.8) }
        let plainSeconds = plainCost.map { $0 * Double(1 + accepted) }
        let round = Round(seconds: draftSeconds + stepSeconds, plainSeconds: plainSeconds ?? 0)
        seconds += round.seconds
        comparedSeconds += round.plainSeconds
        if plainSeconds == nil { hasUncomparedRounds = true }
        guard isAdaptive else { return }
        if rounds.count == Self.window { rounds.removeFirst() }
        rounds.append(round)
        roundsOfTrial += 1
        roundsSincePlain += 1
        if roundsSincePlain >= Self.plainSteps.every { plainWanted = 1 }
        if let gain = windowGain,
            roundsOfTrial >= trialLength && gain < 1 || roundsOfTrial >= Self.hopeless.rounds && gain < Self.hopeless.gain
        {
            paused = (0, 0)
            if switchedOffAfter == nil { switchedOffAfter = generated }
        } else if trialLength == Self.trial.again, roundsOfTrial >= Self.window {
            // It pays again: forget that it once did not.
            trialLength = Self.trial.first
            pauseLength = Self.pause.first
        }
    }

    /// Seconds of a plain step: the median of the last few.
    private var plainCost: Double? { plain.isEmpty ? nil : plain.sorted()[plain.count / 2] }

    /// The gain over the sliding window.
    var windowGain: Double? {
        let seconds = rounds.reduce(0) { $0 + $1.seconds }
        guard plainCost != nil, seconds > 0 else { return nil }
        return rounds.reduce(0) { $0 + $1.plainSeconds } / seconds
    }

    /// What the tokens of all rounds would have taken in plain steps; nil without one to compare with.
    var plainSeconds: Double? { hasUncomparedRounds || roundCount == 0 ? nil : comparedSeconds }

    func summary(kind: String) -> SpeculationSummary {
        var summary = SpeculationSummary(kind: kind)
        (summary.draftedTokens, summary.acceptedTokens, summary.steps) = (drafted, accepted, roundCount)
        (summary.seconds, summary.plainSeconds, summary.switchedOffAfter) = (seconds, plainSeconds, switchedOffAfter)
        return summary
    }

    /// The most tokens a second among lengths up to one more than the present one.
    private func bestLength() -> Int {
        guard let plainCost else { return length }
        var best = (length: length, rate: 0.0)
        var expected = 1.0, power = 1.0
        for k in 1...max(min(length + 1, most), 1) {
            power *= acceptance.value
            expected += power
            let cost = Double(k) * draftCost.value + stepCost(k, plain: plainCost)
            if cost > 0, expected / cost > best.rate { best = (k, expected / cost) }
        }
        // Nothing is known of costs before the first round.
        return draftCost.weight > 0 ? best.length : length
    }

    /// What a step with k drafts takes: measured, or as the nearest length that was measured suggests.
    private func stepCost(_ k: Int, plain: Double) -> Double {
        if stepCosts[k].weight > 0.5 { return stepCosts[k].value }
        guard let nearest = stepCosts.indices.filter({ stepCosts[$0].weight > 0 }).min(by: { abs($0 - k) < abs($1 - k) }) else {
            return plain
        }
        let each = max(stepCosts[nearest].value - plain, 0) / Double(nearest)
        return max(stepCosts[nearest].value + Double(k - nearest) * each, 0)
    }
}
