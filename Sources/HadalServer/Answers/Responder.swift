import Hadal
import HadalCore
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Answers a request of any interface: whole, or as a stream.
struct Responder: Sendable {
    let maker: AnswerMaker
    let activity: Activity
    let limits: ServerLimits
    private static let pingInterval = Duration.seconds(15)
    /// How long a stream waits for its model before it begins: until then an error has a status of its own.
    private static let patience = Duration.seconds(2)

    func respond<Encoder: ReplyEncoder>(
        to inference: InferenceRequest, _ context: ServerContext, as encoder: Encoder.Type, _ form: Encoder.Form
    ) async throws -> Response {
        let client = context.client
        if !inference.isStreamed {
            return try await whole(inference, context, encoder, form)
        }
        let beginning = Task { try await maker.begin(inference, client: client) }
        let begun = await withTaskCancellationHandler {
            await first(of: beginning, within: Self.patience)
        } onCancel: {
            beginning.cancel()
        }
        let headers = HTTPFields.stream(Encoder.contentType, ignored: try begun?.get().ignoredFields ?? inference.ignoredFields)
        let whenGone = Gone()
        let registration = await context.onDisconnect { whenGone.set() }
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                defer { withExtendedLifetime(registration) {} }
                let stream = frames(of: beginning, encoder, form, whenGone)
                try await write(stream, to: &writer, context)
                try await writer.finish(nil)
            })
    }

    /// The result, if it is there in time.
    private func first(of task: Task<Answer, any Error>, within limit: Duration) async -> Result<Answer, any Error>? {
        await withTaskGroup(of: Result<Answer, any Error>?.self) { group in
            group.addTask { await task.result }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    // MARK: Whole

    private func whole<Encoder: ReplyEncoder>(
        _ inference: InferenceRequest, _ context: ServerContext, _ type: Encoder.Type, _ form: Encoder.Form
    ) async throws -> Response {
        let whenGone = Gone()
        let registration = await context.onDisconnect { whenGone.set() }
        defer { withExtendedLifetime(registration) {} }
        let started = ContinuousClock.now
        let answer = try await maker.begin(inference, client: context.client)
        activity.begin()
        defer { activity.end() }
        whenGone.onSet { answer.cancel() }
        var encoder = Encoder(answer, form)
        _ = encoder.begin()
        for await event in answer.events() {
            switch event {
            case .event(let event, let choice): _ = encoder.encode(event, choice: choice)
            case .ended(let reply, let choice):
                note(reply, since: started)
                _ = encoder.end(reply, choice: choice)
            case .failed(let error): throw error
            }
        }
        _ = encoder.finish()
        if whenGone.isSet { activity.change { $0.disconnects += 1 } }
        whenGone.end()
        return .json(encoder.whole(), headers: HTTPFields.ignored(answer.ignoredFields))
    }

    // MARK: Streamed

    private func frames<Encoder: ReplyEncoder>(
        of beginning: Task<Answer, any Error>, _ type: Encoder.Type, _ form: Encoder.Form, _ whenGone: Gone
    ) -> AsyncStream<String> {
        AsyncStream { continuation in
            let pings = Task {
                while let ping = Encoder.ping, !Task.isCancelled {
                    try? await Task.sleep(for: Self.pingInterval)
                    if !Task.isCancelled { continuation.yield(ping) }
                }
            }
            let task = Task {
                defer {
                    whenGone.end()
                    pings.cancel()
                    continuation.finish()
                }
                func send(_ texts: [String]) { for text in texts { continuation.yield(text) } }
                let started = ContinuousClock.now
                let answer: Answer
                do { answer = try await beginning.value } catch {
                    send(Encoder.fail(APIError(error)))
                    return
                }
                activity.begin()
                defer { activity.end() }
                var encoder = Encoder(answer, form)
                send(encoder.begin())
                for await event in answer.events() {
                    switch event {
                    case .event(let event, let choice): send(encoder.encode(event, choice: choice))
                    case .ended(let reply, let choice):
                        note(reply, since: started)
                        send(encoder.end(reply, choice: choice))
                    case .failed(let error):
                        send(encoder.fail(error))
                        return
                    }
                }
                guard !Task.isCancelled else { return }
                send(encoder.finish())
            }
            continuation.onTermination = { _ in
                pings.cancel()
                task.cancel()
                beginning.cancel()
            }
            whenGone.onSet { [activity] in
                activity.change { $0.disconnects += 1 }
                task.cancel()
                continuation.finish()
            }
        }
    }

    /// Writes until the stream ends. A client that leaves what it is sent unread loses its connection.
    private func write(_ stream: AsyncStream<String>, to writer: inout any ResponseBodyWriter, _ context: ServerContext) async throws {
        let waitingSince = Mutex<ContinuousClock.Instant?>(nil)
        let stall = limits.stall
        let channel = context.channel
        let watch = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: stall / 4)
                if let since = waitingSince.withLock({ $0 }), ContinuousClock.now - since > stall { channel?.close(promise: nil) }
            }
        }
        defer { watch.cancel() }
        for await text in stream {
            waitingSince.withLock { $0 = .now }
            try await writer.write(ByteBuffer(string: text))
            waitingSince.withLock { $0 = nil }
        }
    }

    private func note(_ reply: ChatReply, since started: ContinuousClock.Instant) {
        activity.change { counts in
            counts.promptTokens += reply.allPromptTokens
            counts.cachedTokens += reply.reusedTokens
            counts.generatedTokens += reply.summary.generatedTokens
            counts.answers += 1
            counts.answerSeconds += (ContinuousClock.now - started).seconds
            counts.firstTokens += 1
            counts.firstTokenSeconds += reply.prefillSeconds
        }
    }
}

/// The client of a request is gone.
///
/// Thread safety: any thread.
final class Gone: Sendable {
    private let state = Mutex<(isSet: Bool, body: (@Sendable () -> Void)?)>((false, nil))

    var isSet: Bool { state.withLock { $0.isSet } }

    func set() {
        let body = state.withLock { state in
            state.isSet = true
            defer { state.body = nil }
            return state.body
        }
        body?()
    }

    /// The request is answered: what its client does now means nothing.
    func end() { state.withLock { $0.body = nil } }

    /// Called once, at once where it has happened already.
    func onSet(_ body: @escaping @Sendable () -> Void) {
        let isSet = state.withLock { state in
            if !state.isSet { state.body = body }
            return state.isSet
        }
        if isSet { body() }
    }
}

extension HTTPFields {
    static func ignored(_ names: [String]) -> HTTPFields {
        var fields = HTTPFields()
        guard !names.isEmpty else { return fields }
        var text = ""
        for name in names {
            let plain = String(name.unicodeScalars.map { (0x20...0x7E).contains($0.value) && $0 != "," ? Character($0) : "?" }.prefix(200))
            let next = text.isEmpty ? plain : text + ", " + plain
            guard next.utf8.count <= 1024 - 5 else {
                text += ", ..."
                break
            }
            text = next
        }
        fields[.ignoredFields] = text
        return fields
    }

    static func stream(_ type: String, ignored names: [String]) -> HTTPFields {
        var fields = ignored(names)
        fields[.contentType] = type
        fields[.cacheControl] = "no-cache"
        fields[.accelBuffering] = "no"
        return fields
    }
}
