import Foundation
import Hadal
import HadalConstraints
import HadalCore
import HadalServing
import Synchronization

/// A request that a model works on: its prompt, and one generation for each choice.
struct Answer: Sendable {
    let id: String
    /// Seconds since 1970.
    let created: Int
    let model: LoadedModel
    let promptTokens: Int
    let generations: [ScheduledGeneration]
    let kinds: [String: ToolOffer.Kind]
    let allowsParallelCalls: Bool
    let ignoredFields: [String]
    let calls: CallMemory
    let client: Client
    /// Whether anything of it may be written to a disk.
    let isKept: Bool
    /// Texts that end it, of the request.
    let stops: [String]
    /// Log probabilities of how many of the most likely tokens; nil: none were asked for.
    let topLogProbabilities: Int?
    /// Keeps the model loaded.
    let lease: ModelLease
    private let reasoning = AnswerReasoning()

    enum Event: Sendable {
        case event(GenerationEvent, choice: Int)
        case ended(ChatReply, choice: Int)
        case failed(APIError)
    }

    /// Keeps a call of an answer, and gives the id that the client gets.
    ///
    /// - Parameter prefix: what ids of the interface begin with.
    func note(_ call: ToolCall, choice: Int, prefix: String = "call_") -> String {
        let id = calls.note(call, reasoning: reasoning[choice], prefix: prefix)
        // The client may come back after the server was started again.
        if isKept, let written = calls[id] { model.engine.keepNote(written.text, of: id, salt: client.salt, sealingKey: client.sealingKey) }
        return id
    }

    /// Ends all of it with what there is.
    func cancel() { generations.forEach { $0.cancel() } }

    /// The events of all choices as they come, until all have ended or one has failed. Letting the stream go ends the generations.
    func events() -> AsyncStream<Event> {
        AsyncStream { continuation in
            let task = Task {
                await withTaskGroup(of: Void.self) { group in
                    for (choice, generation) in generations.enumerated() {
                        group.addTask {
                            do {
                                let reply = try await follow(generation) { event in
                                    reasoning.add(event, choice: choice)
                                    continuation.yield(.event(event, choice: choice))
                                }
                                continuation.yield(.ended(reply, choice: choice))
                            } catch { continuation.yield(.failed(APIError(error))) }
                        }
                    }
                }
                withExtendedLifetime(lease) {}
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func follow(_ generation: ScheduledGeneration, _ tell: (GenerationEvent) -> Void) async throws -> ChatReply {
        var firstCall: ToolCall?
        for try await event in generation {
            if firstCall != nil { continue }
            tell(event)
            if case .toolCall(let call) = event, !allowsParallelCalls {
                firstCall = call
                generation.cancel()
            }
        }
        try Task.checkCancellation()
        var reply = try await generation.reply()
        if let firstCall {
            reply.toolCalls = [firstCall]
            reply.summary.reason = .toolCalls
        }
        return reply
    }
}

/// Makes answers of requests.
final class AnswerMaker: Sendable {
    let pool: ModelPool
    let calls = CallMemory()
    private let limits: ServerLimits
    private let constraints = ConstraintCache()

    init(_ pool: ModelPool, limits: ServerLimits) { (self.pool, self.limits) = (pool, limits) }

    /// Waits until the model is loaded, and gives it the request.
    ///
    /// - Parameter client: whose blocks of the cache it shares.
    /// - Throws: `APIError`.
    func begin(_ request: InferenceRequest, client: Client, isKept: Bool = true) async throws -> Answer {
        let lease = try await pool.lease(pool.name(for: request.model))
        let model = try lease.model()
        let (engine, chat) = (model.engine, request.chat)
        let prompt = try Self.prompt(request, engine, calls, client)
        var options = try self.options(request, engine)
        var ignored = request.ignoredFields
        let constraint = try constraint(request.format, &ignored)
        // An answer that has to be calls has no text to constrain.
        if chat.map({ $0.offer.tools.isEmpty || $0.toolChoice == .auto || $0.toolChoice == .none }) ?? true {
            options.constraint = constraint
        }
        let most = engine.batchSequences
        guard request.choices <= most else {
            throw APIError.invalid("at most \(most) choices are possible, not \(request.choices)", field: "n")
        }
        var generation = GenerationRequest(
            prompt.generation, options: options, choices: request.choices, deadline: limits.answerTime.map { .now + $0 }, salt: client.salt,
            isKeptOnDisk: isKept)
        generation.sealingKey = client.sealingKey
        return Answer(
            id: RandomID.text(24), created: Int(Date().timeIntervalSince1970), model: model, promptTokens: prompt.count,
            generations: try model.scheduler.submit(generation), kinds: chat?.offer.kinds ?? [:],
            allowsParallelCalls: chat?.allowsParallelCalls ?? true,
            ignoredFields: ignored + (chat?.offer.unsupported ?? []), calls: calls, client: client, isKept: isKept, stops: request.stop,
            topLogProbabilities: request.topLogProbabilities,
            lease: lease)
    }

    // MARK: Prompt

    struct Prompt {
        var generation: GenerationRequest.Prompt
        var count: Int
        var text: String?
        var ids: [Int32]
    }

    static func prompt(_ request: InferenceRequest, _ engine: Engine, _ calls: CallMemory, _ client: Client = .anyone) throws -> Prompt {
        switch request.input {
        case .tokens(let ids): return Prompt(generation: .tokens(ids), count: ids.count, ids: ids)
        case .text(let text):
            let ids = try engine.encodePrompt(text)
            return Prompt(generation: .tokens(ids), count: ids.count, text: text, ids: ids)
        case .infill(let before, let after):
            let ids = try Infill.prompt(before: before, after: after, engine)
            return Prompt(generation: .tokens(ids), count: ids.count, ids: ids)
        case .chat(let chat):
            let prompt = try self.prompt(chat, engine, calls, client)
            return Prompt(generation: .prepared(prompt), count: prompt.ids.count, text: prompt.text, ids: prompt.ids)
        }
    }

    /// The conversation as the model's template renders it; where the template refuses a system message, with it before what the user says.
    private static func prompt(_ chat: InferenceRequest.Chat, _ engine: Engine, _ calls: CallMemory, _ client: Client) throws -> ChatPrompt
    {
        guard engine.hasChatTemplate else {
            throw APIError.invalid("the model has no chat template: it continues text (/v1/completions) and does not chat")
        }
        for call in chat.messages.flatMap(\.calls) where !call.id.isEmpty && calls[call.id] == nil {
            let found = engine.note(of: call.id, salt: client.salt, sealingKey: client.sealingKey)
            if let written = found.flatMap(WrittenCall.init) { calls.note(written, id: call.id) }
        }
        let conversation = NormalizedConversation(chat.messages, calls: calls)
        guard !conversation.messages.isEmpty else { throw APIError.invalid("the conversation is empty", field: "messages") }
        var request = ChatRequest(messages: conversation.messages, tools: chat.offer.tools)
        request.toolChoice = chat.offer.tools.isEmpty ? .auto : chat.toolChoice
        request.thinking = chat.thinking == .on && !engine.canReason ? .automatic : chat.thinking
        request.reasoningBudget = chat.reasoningBudget
        request.answerPrefix = chat.prefix
        for (name, value) in chat.variables { try request.setVariable(name, to: EncodableJSON(value)) }
        do { return try engine.chatPrompt(request) } catch let error as TemplateError where error.kind == .raised {
            guard conversation.messages.first?.role == .system else { throw error }
            request.messages = conversation.withoutSystem
            return try engine.chatPrompt(request)
        }
    }

    // MARK: Options

    private func options(_ request: InferenceRequest, _ engine: Engine) throws -> GenerationOptions {
        var options = engine.recommendation.options
        if let recommended = engine.catalogueSampling { _ = options.sampling.adopt(recommended) }
        request.sampling.apply(to: &options.sampling)
        if let most = request.maxTokens {
            options.maxTokens = most
            options.maxLength = nil
        }
        if let limit = limits.maxTokens { options.maxTokens = min(options.maxTokens ?? limit, limit) }
        options.stopStrings += request.stop
        options.ignoreEndOfText = request.ignoresEndOfText
        options.logProbabilities = request.topLogProbabilities
        return options
    }

    private func constraint(_ format: InferenceRequest.Format, _ ignored: inout [String]) throws -> TextConstraint? {
        switch format {
        case .text: return nil
        case .anyObject: return try constraints.schema(Self.anyObject)
        case .schema(let schema, let isStrict, let field):
            do { return try constraints.schema(schema.text()) } catch let error as HadalError {
                guard !isStrict, error.code == .unsupported else {
                    throw APIError.invalid(
                        "the schema cannot be enforced: \(error.message)\(error.place.map { " (\($0))" } ?? "")", field: field)
                }
                ignored.append(field)
                return try constraints.schema(Self.anyObject)
            }
        }
    }

    private static let anyObject = #"{"type": "object"}"#
}

/// Constraints by the text of their schema: what one request derives serves the next.
///
/// Thread safety: any thread.
final class ConstraintCache: Sendable {
    private let known = Mutex<(byText: [String: TextConstraint], order: [String])>(([:], []))
    private static let limit = 64

    func schema(_ text: String) throws -> TextConstraint {
        if let found = known.withLock({ $0.byText[text] }) { return found }
        let made = try TextConstraint.jsonSchema(text)
        known.withLock { known in
            guard known.byText.updateValue(made, forKey: text) == nil else { return }
            known.order.append(text)
            if known.order.count > Self.limit { known.byText[known.order.removeFirst()] = nil }
        }
        return made
    }
}
