import HadalBackend

/// Whether an engine drafts tokens ahead, and who does the drafting.
///
/// Drafts change how fast tokens come, never which: each is kept only while it equals what the model itself, sampled as ever, chose.
public struct SpeculationOptions: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        case off
        /// The model's own layer that predicts the token after the next.
        case mtp
        /// Another, smaller model with the same vocabulary: a GGUF file or a Hugging Face directory.
        case draft(path: String)

        /// "off", "mtp" or "draft".
        public var kind: String {
            switch self {
            case .off: "off"
            case .mtp: "mtp"
            case .draft: "draft"
            }
        }
    }

    public var source: Source
    /// Most tokens drafted at a time; what a backend verifies in one step bounds it too.
    public var maxDraftTokens: Int
    /// Whether the number of drafts follows from what they cost and how many are kept, and speculation stops while it loses.
    public var isAdaptive: Bool

    /// A step verifies the last chosen token and this many drafts.
    public static let mostDraftTokens = BackendCapabilities.stableTokens - 1

    public init(_ source: Source = .off, maxDraftTokens: Int = SpeculationOptions.mostDraftTokens, isAdaptive: Bool = true) {
        self.source = source
        self.maxDraftTokens = maxDraftTokens
        self.isAdaptive = isAdaptive
    }
}
