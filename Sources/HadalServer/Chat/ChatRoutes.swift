import Hadal
import HadalCore
import HadalHistory
import HTTPTypes
import Hummingbird
import NIOCore

/// The page, and its routes below `/hadal/`.
struct ChatRoutes: Sendable {
    let service: ChatService
    let login: PageLogin
    let pool: ModelPool
    let limits: ServerLimits
    let assets = PageAssets()

    /// Everything comes from this server, and nothing else is loaded, run or framed.
    private static let policy =
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
        + "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

    func add(to router: Router<ServerContext>) {
        router.get("/") { _, _ in try asset("index.html") }
        router.get("/hadal/page/:name") { _, context in try asset(context.parameters.require("name")) }
        router.post("/hadal/login") { request, _ in
            let token = try await request.json(limit: 4096).root["token"]?.string ?? ""
            guard let secret = login.session(for: token) else {
                throw APIError(.forbidden, "the token is not that of the address that was printed")
            }
            return Response(
                status: .noContent, headers: [.setCookie: "\(PageLogin.cookie)=\(secret); Path=/; HttpOnly; SameSite=Strict"])
        }
        addState(to: router)
        addConversations(to: router)
        addAnswers(to: router)
        addTransfer(to: router)
        addHistory(to: router)
    }

    private func asset(_ name: String) throws -> Response {
        guard let file = assets.file(name) else { throw APIError(.notFound, "the page has no such file") }
        var headers: HTTPFields = [.contentType: file.type, .cacheControl: "no-cache"]
        headers[.contentSecurityPolicy] = Self.policy
        headers[.xContentTypeOptions] = "nosniff"
        headers[.referrerPolicy] = "no-referrer"
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes)))
    }

    // MARK: Helpers

    /// A route for those who have logged in.
    private func route(
        _ router: Router<ServerContext>, _ method: HTTPRequest.Method, _ path: RouterPath,
        _ body: @escaping @Sendable (Request, ServerContext) async throws -> Response
    ) {
        router.on(path, method: method) { request, context in
            guard let secret = request.cookies[PageLogin.cookie]?.value, login.isKnown(secret) else {
                throw APIError(.unauthorized, "open the address that the server printed")
            }
            do { return try await body(request, context) } catch let error as HistoryAccessError {
                throw APIError(error)
            } catch let error as HadalError where error.code == .limitExceeded {
                // A text that is too long stays so: another try is of no use.
                throw APIError.invalid(error.message)
            }
        }
    }

    private func fields(_ request: Request) async throws -> FieldReader {
        let document = try await request.json(limit: limits.bodyBytes)
        return try FieldReader(document.root, in: document)
    }

    private static let done = Response(status: .noContent)

    private func stream(_ events: AsyncStream<String>) -> Response {
        Response(
            status: .ok, headers: .stream("text/event-stream; charset=utf-8", ignored: []),
            body: ResponseBody { writer in
                try await writer.write(ByteBuffer(string: ": begin\n\n"))
                for await text in events.withPings(": ping\n\n") { try await writer.write(ByteBuffer(string: text)) }
                try await writer.finish(nil)
            })
    }

    // MARK: State

    private func addState(to router: Router<ServerContext>) {
        route(router, .get, "/hadal/state") { _, _ in
            let answers: [JSON] = service.answers.map { ["id": .text($0.id), "conversation": .text($0.conversation)] }
            return Response.json(
                .members([
                    ("version", .text(HadalVersion.current)), ("models", JSON(.array(pool.names.map { Self.model($0, pool) }))),
                    ("answers", JSON(.array(answers))), ("history", service.store.history.status.json), ("offline", service.seal ?? .null),
                ]))
        }
        route(router, .get, "/hadal/events") { _, _ in stream(service.hub.events()) }
    }

    static func model(_ name: String, _ pool: ModelPool) -> JSON {
        var (state, fraction, error): (String, JSON, JSON) = ("idle", .null, .null)
        var about: [(String, JSON?)] = [("backend", .null), ("context_length", .null), ("can_reason", .null), ("has_chat_template", .null)]
        switch pool.state(of: name) {
        case .idle: break
        case .loading(let part): (state, fraction) = ("loading", JSON(.double(part)))
        case .failed(let fault): (state, error) = ("failed", .text(fault.message))
        case .ready(let loaded):
            state = "ready"
            about = [
                ("backend", .text(loaded.engine.backendDescription)), ("context_length", .number(loaded.engine.contextLength)),
                ("can_reason", JSON(.bool(loaded.engine.canReason))), ("has_chat_template", JSON(.bool(loaded.engine.hasChatTemplate))),
            ]
        }
        return .members([("name", .text(name)), ("state", .text(state)), ("fraction", fraction), ("error", error)] + about)
    }

    // MARK: Conversations

    private func addConversations(to router: Router<ServerContext>) {
        route(router, .get, "/hadal/conversations") { request, _ in
            let query = request.uri.queryParameters
            let (words, limit) = (query["query"].map(String.init) ?? "", query["limit"].flatMap { Int($0) } ?? 100)
            let before = query["before"].flatMap { Double($0) }
            let list = try await Blocking.run {
                try service.store.history.conversations(matching: words, limit: min(max(limit, 1), 1000), before: before)
            }
            return .json(["conversations": JSON(.array(list.map(\.json)))])
        }
        route(router, .post, "/hadal/conversations") { request, _ in
            let fields = try await fields(request)
            let title = try fields.string("title") ?? "", settings = try fields.object("settings").map { JSON(.object($0)).text() } ?? "{}"
            let isTemporary = try fields.bool("temporary") ?? false
            let made = try await Blocking.run { try service.store.create(title: title, settings: settings, isTemporary: isTemporary) }
            service.changed(made.id, "created")
            return .json(made.json, status: .created)
        }
        route(router, .delete, "/hadal/conversations") { _, _ in
            try await Blocking.run { try service.deleteAll() }
            service.hub.tell("conversation", ["id": "*", "change": "deleted"])
            return Self.done
        }
        route(router, .get, "/hadal/conversations/:id") { _, context in
            let id = try context.parameters.require("id")
            let json = try await Blocking.run {
                let content = try service.store.content(of: id)
                return content.conversation.json(messages: try content.messages.map { try service.latest($0) })
            }
            return .json(json)
        }
        route(router, .patch, "/hadal/conversations/:id") { request, context in
            let (id, fields) = (try context.parameters.require("id"), try await fields(request))
            let (title, current) = (try fields.string("title"), try fields.string("current"))
            let settings = try fields.object("settings").map { JSON(.object($0)).text() }
            let changed = try await Blocking.run { try service.store.update(id, title: title, settings: settings, current: current) }
            service.changed(id, "updated")
            return .json(changed.json)
        }
        route(router, .delete, "/hadal/conversations/:id") { _, context in
            let id = try context.parameters.require("id")
            try await Blocking.run { try service.delete(id) }
            service.changed(id, "deleted")
            return Self.done
        }
    }

    // MARK: Answers

    private func addAnswers(to router: Router<ServerContext>) {
        route(router, .post, "/hadal/conversations/:id/messages") { request, context in
            let (id, fields) = (try context.parameters.require("id"), try await fields(request))
            let role = try fields.requiredString("role")
            guard let role = HistoryMessage.Role(rawValue: role), role != .assistant else {
                throw fields.fail("role", "must be user or tool")
            }
            let message = HistoryMessage(
                parent: try fields.string("parent"), role: role, content: try fields.requiredString("content"),
                toolCallID: try fields.string("tool_call_id"))
            let isAnswered = try fields.bool("answer") ?? false
            let answer = try await Blocking.run {
                try service.store.append([message], to: id)
                return isAnswered ? try service.begin(after: message.id, in: id) : nil
            }
            service.changed(id, "updated")
            return .json(["message": message.json, "answer": answer?.json ?? .null], status: .created)
        }
        route(router, .post, "/hadal/conversations/:id/answers") { request, context in
            let (id, fields) = (try context.parameters.require("id"), try await fields(request))
            let parent = try fields.requiredString("parent")
            let answer = try await Blocking.run { try service.begin(after: parent, in: id) }
            return .json(["answer": answer.json], status: .created)
        }
        route(router, .get, "/hadal/answers/:id/events") { request, context in
            let id = try context.parameters.require("id")
            let last = request.headers[.lastEventID].flatMap { Int($0) }.map { $0 + 1 }
            let first = last ?? request.uri.queryParameters["from"].flatMap { Int($0) } ?? 0
            return stream(try await service.events(of: id, from: first))
        }
        route(router, .post, "/hadal/answers/:id/stop") { _, context in
            let id = try context.parameters.require("id")
            try await Blocking.run { try service.stop(id) }
            return Self.done
        }
    }

    // MARK: Export and import

    private func addTransfer(to router: Router<ServerContext>) {
        route(router, .get, "/hadal/conversations/:id/export") { request, context in
            let id = try context.parameters.require("id")
            let isMarkdown = request.uri.queryParameters["format"] == "markdown"
            let archive = try await Blocking.run { () throws -> HistoryArchive in
                let content = try service.store.content(of: id)
                return HistoryArchive(items: [HistoryArchive.Item(conversation: content.conversation, messages: content.messages)])
            }
            if isMarkdown { return Self.file(archive.items.map(\.markdown).joined(), "text/markdown; charset=utf-8", "conversation.md") }
            return Self.file(archive.json.text(indent: 1), "application/json", "conversation.json")
        }
        route(router, .get, "/hadal/export") { _, _ in
            let archive = try await Blocking.run { try service.store.history.exportAll() }
            return Self.file(archive.json.text(indent: 1), "application/json", "conversations.json")
        }
        route(router, .post, "/hadal/import") { request, _ in
            let buffer = try await request.body.collect(upTo: HistoryArchive.maximumSize)
            let bytes = Array(buffer.readableBytesView)
            let isMarkdown = request.headers[.contentType]?.hasPrefix("text/markdown") ?? false
            let count = try await Blocking.run {
                isMarkdown ? try service.store.history.importMarkdown(bytes) : try service.store.history.importConversations(bytes)
            }
            service.hub.tell("conversation", ["id": "*", "change": "created"])
            return .json(["imported": .number(count)])
        }
    }

    private static func file(_ text: String, _ type: String, _ name: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .contentDisposition: "attachment; filename=\"\(name)\""],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    // MARK: The history's passphrase

    private func addHistory(to router: Router<ServerContext>) {
        route(router, .post, "/hadal/history/unlock") { request, _ in
            let passphrase = try await fields(request).requiredString("passphrase")
            try await Blocking.run { try service.store.history.unlock(passphrase) }
            service.hub.tell("history", service.store.history.status.json)
            return Self.done
        }
        route(router, .post, "/hadal/history/lock") { _, _ in
            service.stopAnswers(in: nil)
            try await Blocking.run { service.store.history.lock() }
            service.hub.tell("history", service.store.history.status.json)
            return Self.done
        }
        route(router, .put, "/hadal/history/passphrase") { request, _ in
            let fields = try await fields(request)
            let (current, new) = (try fields.string("current"), try fields.string("new"))
            try await Blocking.run { try service.changePassphrase(from: current, to: new) }
            service.hub.tell("history", service.store.history.status.json)
            return Self.done
        }
    }
}

extension APIError {
    init(_ error: HistoryAccessError) {
        switch error {
        case .locked: self.init(.historyLocked, error.description)
        case .wrongPassphrase: self.init(.wrongPassphrase, error.description)
        }
    }
}

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}

extension AsyncStream<String> {
    /// The same with a text in between whenever nothing has come for a while, so that a connection that is gone is noticed.
    func withPings(_ ping: String, every interval: Duration = .seconds(15)) -> AsyncStream<String> {
        AsyncStream { continuation in
            let pings = Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: interval)
                    if !Task.isCancelled { continuation.yield(ping) }
                }
            }
            let task = Task {
                for await text in self { continuation.yield(text) }
                continuation.finish()
            }
            continuation.onTermination = { _ in
                pings.cancel()
                task.cancel()
            }
        }
    }
}
