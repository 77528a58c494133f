import HadalFormats
public import HadalCore

/// What a model is to be written as.
public struct QuantizationOptions: Sendable {
    /// Of every matrix that no rule speaks of.
    public var type: DType
    /// The last rule that fits a tensor decides.
    public var rules: [QuantizationRule]
    /// Whether `type` holds for the output head and a table that serves as one too, which otherwise get a better type.
    public var isPure: Bool
    /// Whether a Hugging Face directory's tokenizer is left out.
    public var omitsTokenizer: Bool
    /// A description that overrides detection.
    public var architecture: String?

    public init(
        type: DType, rules: [QuantizationRule] = [], isPure: Bool = false, omitsTokenizer: Bool = false, architecture: String? = nil
    ) {
        self.type = type
        self.rules = rules
        self.isPure = isPure
        self.omitsTokenizer = omitsTokenizer
        self.architecture = architecture
    }
}
