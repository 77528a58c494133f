package import HadalCore

/// A model family as its JSON file describes it, with everything it extends merged in and every expression parsed.
///
/// Immutable; holds nothing of any model.
package struct ArchitectureDescription: Sendable {
    struct Requirement: Sendable {
        var condition: Formula
        var message: String?
    }

    /// A named special case of the family.
    struct Variant: Sendable {
        var name: String
        var when: Formula
        /// Applied to the description as a merge patch.
        var patch: JSON?
    }

    /// What the engine asks of every model.
    struct ModelFacts: Sendable {
        var layers: Formula
        var width: Formula
        var contextLength: Formula
        var vocabularySize: Formula
        /// Tokens that texts to be embedded are cut at; nil or null: the context length.
        var textLength: Formula?

        /// Each with its key and what it may be.
        var all: [(formula: Formula, key: String, range: ClosedRange<Int>)] {
            [
                (layers, "layers", 0...Limits.nodes), (width, "width", 1...Limits.extent),
                (contextLength, "context_length", 1...Limits.extent),
                (vocabularySize, "vocabulary_size", 1...Limits.extent),
            ]
        }
    }

    package let name: String
    package let summary: String
    /// The files it was read from, the most basic first.
    package let files: [String]
    /// The description with all that it extends merged in.
    package let json: JSON

    let document: JSONDocument
    let matches: [MatchRule]
    let variants: [Variant]
    let configRoots: [String]
    /// Objects of config.json that have several names: the first that the configuration has stands for `{name}` at the start of a path.
    let configObjects: [(name: String, paths: [String])]
    let aliases: [(name: String, values: [String])]
    let parameters: [ParameterSpec]
    let require: [Requirement]
    let facts: ModelFacts?
    let weights: [WeightSpec]
    let states: [StateSpec]
    let rope: [RopeSpec]
    let blocks: [(name: String, body: [Statement])]
    let graphs: [GraphSpec]
    let rerankPrompt: RerankPrompt?
    let ignore: [(format: ModelFormat, patterns: [String])]
    /// Keys that change results, in each format: a warning where the model states one that nothing reads.
    let watchedConfig: [WatchedKey]
    let watchedGGUF: [WatchedKey]

    /// Whether it can be built, or is only there to be extended.
    package var isAbstract: Bool { graphs.isEmpty }

    /// Whether it comes with the installation: its lines are of no use to whoever has a model that does not fit.
    var isBuiltIn: Bool { files.last.map { file in ArchitectureLibrary.builtInCandidates.contains { file.hasPrefix($0) } } ?? false }

    let parameterIndex: [String: Int]
    let weightIndex: [String: Int]

    func weight(_ name: String) -> WeightSpec? { weightIndex[name].map { weights[$0] } }
    func parameter(_ name: String) -> ParameterSpec? { parameterIndex[name].map { parameters[$0] } }
    func block(_ name: String) -> [Statement]? { blocks.first { $0.name == name }?.body }
}
