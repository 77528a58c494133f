import HadalCore

/// What drafting did for one generation.
public struct SpeculationSummary: Sendable, Equatable {
    /// "mtp" or "draft".
    public var kind: String
    public var draftedTokens: Int
    /// Drafts that were kept.
    public var acceptedTokens: Int
    /// Tokens that came out of each step with drafts, on average; 0 without such a step.
    public var tokensPerStep: Double
    /// How many times as long the tokens of steps with drafts would have taken without them: above 1 drafting has paid. All that it cost counts. nil
    /// when there is nothing to compare with.
    public var netGain: Double?
    /// Generated tokens after which it was given up for the first time, because it lost; nil: it was not.
    public var switchedOffAfter: Int?

    /// Share of the drafts that were kept; 0 without drafts.
    public var acceptance: Double { draftedTokens > 0 ? Double(acceptedTokens) / Double(draftedTokens) : 0 }

    public var json: JSON {
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
