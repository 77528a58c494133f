import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph
import HadalText

/// What an engine is made from: everything that can be known and refused before a weight is read.
final class PreparedModel {
    let files: ModelFiles
    let description: ModelDescription
    let model: LoadedModel
    let tokenizer: Tokenizer?
    /// Why a tokenizer that is there cannot be used.
    let tokenizerProblem: HadalError?
    let chatTemplates: ChatTemplates
    let options: EngineOptions
    /// Most tokens of a session.
    let contextLength: Int
    /// The model that drafts for this one.
    let draft: PreparedModel?
    /// Whether it drafts for another one.
    let isDraft: Bool

    /// The graphs that will be run: that of the prediction head only where it is asked for.
    var graphs: [Graph] {
        let head = options.predictsNext || options.speculation.source == .mtp ? description.graph.graphs[PredictionHead.graphName] : nil
        return [model.graph] + (head.map { [$0] } ?? [])
    }

    /// - Parameter contextLimit: bounds the context of a model that only drafts: it never needs more than the one it drafts for.
    init(path: String, options: EngineOptions, contextLimit: Int = .max, isDraft: Bool = false) throws {
        self.isDraft = isDraft
        files = try ModelFiles.open(path: path)
        description = try ModelDescription(files: files, options: options)
        self.options = options
        model = try LoadedModel(
            description, observe: options.observe, feedsPrediction: options.predictsNext || options.speculation.source == .mtp)
        (tokenizer, tokenizerProblem) = try ModelText.found(in: files)
        chatTemplates = try ChatTemplates(ModelText.chatTemplates(of: files)) { options.log.write(.warning, $0) }
        contextLength = min(options.contextLength ?? min(model.contextLength, Engine.defaultContextLimit), contextLimit)
        guard case .draft(let path) = options.speculation.source else {
            draft = nil
            return
        }
        let draft = try PreparedModel(path: path, options: Self.draftOptions(options), contextLimit: contextLength, isDraft: true)
        try DraftVocabulary.check(
            (tokenizer, model.vocabularySize, files.path), draft: (draft.tokenizer, draft.model.vocabularySize, draft.files.path))
        self.draft = draft
    }

    /// The same backend and settings; a context and an architecture of its own.
    private static func draftOptions(_ options: EngineOptions) -> EngineOptions {
        var draft = options
        draft.speculation = SpeculationOptions()
        draft.observe = .none
        draft.predictsNext = false
        draft.architecture = nil
        draft.placement?.architecture = nil
        draft.contextLength = nil
        draft.batchSequences = 1
        return draft
    }
}
