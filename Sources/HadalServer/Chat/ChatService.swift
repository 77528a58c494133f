import Hadal
import HadalCore
import HadalHistory
import Synchronization

/// What the page does with conversations: answers them, and lets every page know.
///
/// Thread safety: any thread.
final class ChatService: Sendable {
    let store: ChatStore
    let hub = EventHub()
    private let maker: AnswerMaker
    private let activity: Activity
    private let live = Mutex<[String: LiveAnswer]>([:])

    init(_ history: History, maker: AnswerMaker, activity: Activity) {
        store = ChatStore(history)
        (self.maker, self.activity) = (maker, activity)
    }

    /// What the process has given up; nil: nothing.
    var seal: JSON? { activity.seal }

    func changed(_ conversation: String, _ change: String) {
        hub.tell("conversation", ["id": .text(conversation), "change": .text(change)])
    }

    func answer(_ id: String) -> LiveAnswer? { live.withLock { $0[id] } }

    /// Those that are being given.
    var answers: [LiveAnswer] { live.withLock { Array($0.values) } }

    /// A message that was read from the store, with what has been added to it since. Blocks.
    func latest(_ message: HistoryMessage) throws -> HistoryMessage {
        guard message.state == .streaming else { return message }
        // Where the answer ended since the message was read, the store has its end.
        return try answer(message.id)?.message ?? stored(message.id)
    }

    /// Ends the answers of a conversation, or of all.
    func stopAnswers(in conversation: String?) {
        for answer in answers where conversation == nil || answer.conversation == conversation { answer.stop() }
    }

    // MARK: Deleting

    /// Deletes a conversation and the blocks of the cache that were computed from it. Blocks the thread.
    func delete(_ conversation: String) throws {
        stopAnswers(in: conversation)
        do { try maker.pool.removeStoredBlocks(of: [store.seal(of: conversation).salt]) } catch let error as HadalError
            where error.code == .corrupt
        {
            // Nobody can tell which they are, or open them: the conversation's key is damaged.
        }
        try store.delete(conversation)
    }

    /// The same of all conversations.
    func deleteAll() throws {
        stopAnswers(in: nil)
        try maker.pool.removeStoredBlocks(of: store.history.allSeals().map(\.salt))
        try store.deleteAll()
    }

    /// Sets, changes or removes the history's passphrase. Blocks that were computed before are of no more use afterwards; those that are not sealed
    /// go first, so that at no time a plain one lies beside a sealed conversation.
    func changePassphrase(from current: String?, to new: String?) throws {
        let history = store.history
        guard !history.status.hasPassphrase else {
            // Sealed by keys that the change destroys, if they can be read.
            let salts = (try? history.allSeals().map(\.salt)) ?? []
            try history.changePassphrase(from: current, to: new)
            return try maker.pool.removeStoredBlocks(of: salts)
        }
        if new?.isEmpty == false { try maker.pool.removeStoredBlocks(of: history.allSeals().map(\.salt)) }
        try history.changePassphrase(from: current, to: new)
    }

    // MARK: Answers of other servers

    /// In seconds; servers write an answer that they give more often.
    static let abandoned = 30.0

    /// The message of an answer that this server does not give: another one does, or did until it ended. Blocks.
    private func stored(_ id: String) throws -> HistoryMessage {
        let message = try store.message(id).message
        guard message.state == .streaming else { return message }
        return try store.history.stopAbandonedAnswers(after: Self.abandoned) > 0 ? store.message(id).message : message
    }

    /// The events of an answer from a number on. Of one that another server gives there is nothing to tell until it is over.
    ///
    /// - Throws: `notFound`.
    func events(of id: String, from first: Int) async throws -> AsyncStream<String> {
        if let live = answer(id) { return live.events(from: first) }
        let begun = try await Blocking.run { try self.stored(id) }
        return AsyncStream { out in
            let task = Task {
                var message = begun
                while message.state == .streaming, !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    // A conversation that was deleted meanwhile has nothing more to tell.
                    guard let next = try? await Blocking.run({ try self.stored(id) }) else { return out.finish() }
                    message = next
                }
                for await text in LiveAnswer.replay(message) { out.yield(text) }
                out.finish()
            }
            out.onTermination = { _ in task.cancel() }
        }
    }

    /// Ends an answer with what it has. Blocks.
    ///
    /// - Throws: `notFound`.
    func stop(_ id: String) throws {
        if let live = answer(id) { return live.stop() }
        var (message, conversation) = try store.message(id)
        guard message.state == .streaming else { return }
        message.state = .stopped
        try store.update(message, in: conversation)
        changed(conversation, "updated")
    }

    // MARK: Answering

    /// Begins an answer behind a message. Blocks for the store; the answer comes later.
    func begin(after parent: String, in conversation: String) throws -> HistoryMessage {
        let content = try store.content(of: conversation)
        let path = try Self.path(to: parent, content.messages)
        let settings = try ChatSettings(content.conversation.settings)
        let model = try maker.pool.name(for: settings.model)
        let message = HistoryMessage(parent: parent, role: .assistant, content: "", model: model, state: .streaming)
        let request = try settings.request(path, model: model)
        // Blocks are as readable as the text that they were computed from: each conversation has its own, sealed as it is.
        let seal = try store.seal(of: conversation)
        let client = Client(name: "page", salt: seal.salt, sealingKey: seal.key)
        let answer = LiveAnswer(message, in: conversation)
        // First, so that whoever finds the message in the store finds its answer.
        live.withLock { $0[message.id] = answer }
        do { try store.append([message], to: conversation) } catch {
            live.withLock { $0[message.id] = nil }
            throw error
        }
        tell(answer)
        let isKept = !content.conversation.isTemporary
        Task.detached { await self.run(answer, request, client, isKept: isKept) }
        return message
    }

    private func tell(_ answer: LiveAnswer) {
        hub.tell(
            "answer", ["id": .text(answer.id), "conversation": .text(answer.conversation), "state": .text(answer.message.state.rawValue)])
        changed(answer.conversation, "updated")
    }

    private func run(_ live: LiveAnswer, _ request: InferenceRequest, _ client: Client, isKept: Bool) async {
        activity.begin()
        defer { activity.end() }
        live.add("queued", [:])
        let observation = maker.pool.observe { [pool = maker.pool] name in
            guard name == request.model, case .loading(let fraction) = pool.state(of: name) else { return }
            live.add("loading", ["fraction": JSON(.double(fraction))])
        }
        do {
            let answer = try await maker.begin(request, client: client, isKept: isKept)
            withExtendedLifetime(observation) {}
            live.begin(answer)
            try await follow(answer, live)
        } catch {
            let fault = APIError(error)
            end(live, "failed") {
                $0.state = .failed
                $0.error = fault.message
            }
        }
    }

    private func follow(_ answer: Answer, _ live: LiveAnswer) async throws {
        var saved = ContinuousClock.now, counted = ContinuousClock.now
        var tokens = 0, firstToken: ContinuousClock.Instant?
        for await event in answer.events() {
            switch event {
            case .failed(let error): throw error
            case .ended(let reply, _): finish(live, reply)
            case .event(let event, _):
                if case .token = event {
                    tokens += 1
                    if firstToken == nil { firstToken = .now }
                }
                Self.note(event, live)
                let now = ContinuousClock.now
                if let firstToken, now - counted > .seconds(1) {
                    let rate = Double(tokens - 1) / max((now - firstToken).seconds, 1e-6)
                    live.add("figures", Self.figures(tokens, rate, answer.promptTokens, nil))
                    counted = now
                }
                // What is lost when the process is killed.
                if now - saved > .seconds(2) {
                    try? store.update(live.message, in: live.conversation)
                    saved = now
                }
            }
        }
    }

    private static func figures(_ tokens: Int, _ rate: Double, _ prompt: Int, _ cached: Int?) -> JSON {
        .members([
            ("generated_tokens", .number(tokens)), ("tokens_per_second", JSON(.double(rate))), ("prompt_tokens", .number(prompt)),
            ("cached_tokens", cached.map(JSON.number)),
        ])
    }

    private static func note(_ event: GenerationEvent, _ live: LiveAnswer) {
        switch event {
        case .restored(let tokens, let all): live.add("restored", ["tokens": .number(tokens), "of": .number(all)])
        case .text(let text): live.add("text", ["text": .text(text)]) { $0.content += text }
        case .reasoning(let text): live.add("reasoning", ["text": .text(text)]) { $0.reasoning += text }
        case .textWasReasoning(let text):
            live.add("text_was_reasoning", ["text": .text(text)]) {
                $0.content = ""
                $0.reasoning += text
            }
        case .toolCall(let call):
            let id = "call_" + RandomID.text(20)
            live.add("tool_call", ["id": .text(id), "name": .text(call.name), "arguments": .text(call.argumentsJSON)]) {
                $0.toolCalls.append(HistoryMessage.ToolCall(id: id, name: call.name, arguments: call.argumentsJSON))
            }
        default: break
        }
    }

    private func finish(_ live: LiveAnswer, _ reply: ChatReply) {
        let summary = reply.summary
        live.add("figures", Self.figures(summary.generatedTokens, summary.tokensPerSecond, reply.allPromptTokens, reply.reusedTokens))
        let figures = JSON.members([
            ("prompt_tokens", .number(reply.allPromptTokens)), ("cached_tokens", .number(reply.reusedTokens)),
            ("generated_tokens", .number(summary.generatedTokens)), ("reasoning_tokens", .number(summary.reasoningTokens)),
            ("prefill_seconds", JSON(.double(reply.prefillSeconds))), ("decode_tokens_per_second", JSON(.double(summary.tokensPerSecond))),
            ("finish_reason", .text(ChatCompletionEncoder.reason(reply))),
        ])
        end(live, "finished") {
            $0.state = live.isStopped ? .stopped : .complete
            $0.figures = figures.text()
        }
    }

    private func end(_ live: LiveAnswer, _ name: String, _ change: (inout HistoryMessage) -> Void) {
        var last = live.message
        change(&last)
        // A conversation that was deleted meanwhile keeps nothing.
        try? store.update(last, in: live.conversation)
        self.live.withLock { $0[live.id] = nil }
        live.add(name, ["message": last.json], isLast: true) { $0 = last }
        tell(live)
    }

    /// The messages from the first to one of them.
    private static func path(to id: String, _ messages: [HistoryMessage]) throws -> [HistoryMessage] {
        let byID = Dictionary(messages.map { ($0.id, $0) }) { first, _ in first }
        var path: [HistoryMessage] = [], next: String? = id
        while let current = next {
            guard let message = byID[current], path.count <= messages.count else { throw APIError(.notFound, "there is no such message") }
            path.append(message)
            next = message.parent
        }
        return path.reversed()
    }
}
