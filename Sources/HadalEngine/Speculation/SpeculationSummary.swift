package import HadalCore

/// What drafting did for one generation, or for several together.
public struct SpeculationSummary: Sendable, Equatable {
    /// "mtp" or "draft".
    public var kind: String
    public var draftedTokens = 0
    /// Drafts that were kept.
    public var acceptedTokens = 0
    /// Steps with drafts.
    public var steps = 0
    /// What those steps took, with the drafting and all that belongs to it.
    public var seconds = 0.0
    /// What their tokens would have taken without drafts; nil when there is nothing to compare with.
    public var plainSeconds: Double?
    /// Generated tokens after which drafting was given up for the first time, because it lost; nil: it was not.
    public var switchedOffAfter: Int?

    package init(kind: String) { self.kind = kind }

    /// Share of the drafts that were kept; 0 without drafts.
    public var acceptance: Double { draftedTokens > 0 ? Double(acceptedTokens) / Double(draftedTokens) : 0 }
    /// Tokens that a step with drafts gave on average, its own included; 0 without such a step.
    public var tokensPerStep: Double { steps > 0 ? Double(steps + acceptedTokens) / Double(steps) : 0 }
    /// Above 1 drafting has paid; nil when there is nothing to compare with.
    public var netGain: Double? {
        guard let plainSeconds, steps > 0, seconds > 0 else { return nil }
        return plainSeconds / seconds
    }

    /// Adds what drafting did for a generation that went on where this one ended.
    ///
    /// - Parameter tokens: generated before it.
    package mutating func add(_ next: SpeculationSummary, after tokens: Int) {
        draftedTokens += next.draftedTokens
        acceptedTokens += next.acceptedTokens
        if next.steps > 0 || next.seconds > 0 {
            plainSeconds = steps == 0 ? next.plainSeconds : plainSeconds.flatMap { sum in next.plainSeconds.map { sum + $0 } }
        }
        steps += next.steps
        seconds += next.seconds
        switchedOffAfter = switchedOffAfter ?? next.switchedOffAfter.map { $0 + tokens }
    }

    package var json: JSON {
        [
            "kind": JSON(.string(kind)),
            "drafted": JSON(.int(Int64(draftedTokens))),
            "accepted": JSON(.int(Int64(acceptedTokens))),
            "acceptance": JSON(.double(acceptance)),
            "tokens_per_step": JSON(.double(tokensPerStep)),
            "net_gain": netGain.map { JSON(.double($0)) } ?? .null,
            "switched_off_after": switchedOffAfter.map { JSON(.int(Int64($0))) } ?? .null,
        ]
    }
}
