import Hadal
import HadalCore
import Hummingbird

/// Every route of the server, and what answers it.
struct Routes: Sendable {
    let pool: ModelPool
    let maker: AnswerMaker
    let responder: Responder
    let activity: Activity
    /// What `/openapi.json` says.
    let description: JSON
    let options: ServerOptions

    func add(to router: Router<ServerContext>) {
        addGeneration(to: router)
        addEmbeddings(to: router)
        addText(to: router)
        addModels(to: router)
        addOllama(to: router)
        addOperation(to: router)
    }

    private func body(_ request: Request) async throws -> JSONDocument { try await request.json(limit: options.limits.bodyBytes) }

    // MARK: Generation

    private func addGeneration(to router: Router<ServerContext>) {
        for path: RouterPath in ["/v1/chat/completions", "/chat/completions"] {
            router.post(path) { request, context in
                let (inference, form) = try ChatCompletions.request(try await body(request))
                return try await responder.respond(to: inference, context, as: ChatCompletionEncoder.self, form)
            }
        }
        for path: RouterPath in ["/v1/completions", "/completions"] {
            router.post(path) { request, context in
                let (inference, form) = try Completions.request(try await body(request))
                return try await responder.respond(to: inference, context, as: CompletionEncoder.self, form)
            }
        }
        router.post("/v1/responses") { request, context in
            let (inference, form) = try Responses.request(try await body(request))
            return try await responder.respond(to: inference, context, as: ResponseEncoder.self, form)
        }
        router.post("/v1/messages") { request, context in
            let inference = try Messages.request(try await body(request))
            return try await responder.respond(to: inference, context, as: MessageEncoder.self, MessageEncoder.Form())
        }
        router.post("/v1/messages/count_tokens") { request, _ in
            let inference = try Messages.request(try await body(request), isCount: true)
            let prompt = try await prompt(of: inference)
            return Response.json(["input_tokens": .number(prompt.count)], headers: .ignored(inference.ignoredFields))
        }
    }

    private func prompt(of inference: InferenceRequest) async throws -> AnswerMaker.Prompt {
        let lease = try await pool.lease(pool.name(for: inference.model))
        return try AnswerMaker.prompt(inference, lease.model().engine, maker.calls)
    }

    // MARK: Embeddings

    private func addEmbeddings(to router: Router<ServerContext>) {
        for path: RouterPath in ["/v1/embeddings", "/embeddings"] {
            router.post(path) { request, _ in try await respond(to: try Embeddings(try await body(request))) }
        }
        router.post("/api/embed") { request, _ in try await respond(to: try Embeddings(ollama: try await body(request))) }
        router.post("/api/embeddings") { request, _ in try await respond(to: try Embeddings(older: try await body(request))) }
        for path: RouterPath in ["/v1/rerank", "/rerank"] {
            router.post(path) { request, _ in
                let reranking = try Reranking(try await body(request))
                activity.begin()
                defer { activity.end() }
                let lease = try await pool.lease(pool.name(for: reranking.model)), model = try lease.model()
                let json = try await reranking.answer(model.engine, name: model.name)
                return Response.json(json, headers: .ignored(reranking.ignoredFields))
            }
        }
    }

    private func respond(to embeddings: Embeddings) async throws -> Response {
        activity.begin()
        defer { activity.end() }
        let lease = try await pool.lease(pool.name(for: embeddings.model)), model = try lease.model()
        let (json, tokens) = try await embeddings.answer(model.engine, name: model.name)
        activity.change { $0.promptTokens += tokens }
        return Response.json(json, headers: .ignored(embeddings.ignoredFields))
    }

    // MARK: Text

    private func addText(to router: Router<ServerContext>) {
        router.post("/tokenize") { request, _ in
            let fields = try FieldReader(try await body(request).root, in: JSONDocument(root: .null, file: "request"))
            let text = try fields.string("content") ?? fields.requiredString("text")
            let lease = try await pool.lease(pool.name(for: fields.string("model")))
            let engine = try lease.model().engine
            guard let tokenizer = engine.tokenizer else { throw APIError.invalid("the model has no tokenizer") }
            let parses = try fields.bool("parse_special") ?? true
            let ids = try fields.bool("add_special") == true ? engine.encodePrompt(text) : tokenizer.encode(text, parseSpecial: parses)
            let tokens: [JSON] =
                try fields.bool("with_pieces") == true
                ? ids.map { ["id": .number(Int($0)), "piece": .text(String(decoding: try tokenizer.tokenBytes($0), as: UTF8.self))] }
                : ids.map { .number(Int($0)) }
            return Response.json(["tokens": JSON(.array(tokens))])
        }
        router.post("/detokenize") { request, _ in
            let fields = try FieldReader(try await body(request).root, in: JSONDocument(root: .null, file: "request"))
            let ids = try Completions.ids(fields.requiredArray("tokens"), field: "tokens")
            let lease = try await pool.lease(pool.name(for: fields.string("model")))
            let engine = try lease.model().engine
            guard let tokenizer = engine.tokenizer else { throw APIError.invalid("the model has no tokenizer") }
            for (index, id) in ids.enumerated() where Int(id) >= tokenizer.count {
                throw APIError.invalid("the vocabulary has \(tokenizer.count) tokens", field: "tokens[\(index)]")
            }
            return Response.json(["content": .text(try tokenizer.decode(ids, skipSpecial: false))])
        }
        router.post("/apply-template") { request, _ in
            let (inference, _) = try ChatCompletions.request(try await body(request))
            let prompt = try await prompt(of: inference)
            return Response.json(
                .members([("prompt", .text(prompt.text ?? "")), ("tokens", JSON(.array(prompt.ids.map { .number(Int($0)) })))]),
                headers: .ignored(inference.ignoredFields))
        }
    }

    // MARK: Models

    private func addModels(to router: Router<ServerContext>) {
        for path: RouterPath in ["/v1/models", "/models"] {
            router.get(path) { _, _ in
                let list = pool.names.map(model)
                // The second list is what a coding agent looks for.
                return Response.json(
                    .members([("object", "list"), ("data", JSON(.array(list))), ("models", JSON(.array(pool.names.map(agentModel))))]))
            }
        }
        router.get("/v1/models/**") { _, context in
            let asked = context.parameters.getCatchAll().joined(separator: "/")
            return Response.json(model(try pool.name(for: asked)))
        }
    }

    private func model(_ name: String) -> JSON {
        var members: [(String, JSON?)] = [
            ("id", .text(name)), ("object", "model"), ("created", 0), ("owned_by", "hadal"), ("type", "model"),
            ("display_name", .text(name)),
        ]
        switch pool.state(of: name) {
        case .idle: members.append(("state", "idle"))
        case .loading: members.append(("state", "loading"))
        case .failed: members.append(("state", "failed"))
        case .ready(let loaded):
            members += [
                ("state", "ready"), ("context_length", .number(loaded.engine.contextLength)),
                ("max_model_len", .number(loaded.engine.contextLength)),
            ]
        }
        return .members(members)
    }

    private func agentModel(_ name: String) -> JSON {
        var members: [(String, JSON?)] = [("slug", .text(name)), ("display_name", .text(name))]
        if case .ready(let loaded) = pool.state(of: name) { members.append(("context_window", .number(loaded.engine.contextLength))) }
        return .members(members)
    }

    // MARK: Ollama

    private func addOllama(to router: Router<ServerContext>) {
        router.post("/api/chat") { request, context in
            let document = try await body(request)
            if Ollama.isEmpty(document) { return try await loaded(document, isChat: true) }
            let (inference, form) = try Ollama.chat(document)
            return try await responder.respond(to: inference, context, as: OllamaEncoder.self, form)
        }
        router.post("/api/generate") { request, context in
            let document = try await body(request)
            if Ollama.isEmpty(document) { return try await loaded(document, isChat: false) }
            let (inference, form) = try Ollama.generate(document)
            return try await responder.respond(to: inference, context, as: OllamaEncoder.self, form)
        }
        router.get("/api/tags") { _, _ in
            let list = try await Blocking.run { pool.names.map { JSON.members(OllamaModels.entry($0, try? pool.facts(of: $0))) } }
            return Response.json(["models": JSON(.array(list))])
        }
        router.get("/api/ps") { _, _ in
            let list = try await Blocking.run {
                pool.names.compactMap { name -> JSON? in
                    guard case .ready(let model) = pool.state(of: name) else { return Optional.none }
                    return OllamaModels.loaded(model, try? pool.facts(of: name), expiry: pool.expiry(of: name))
                }
            }
            return Response.json(["models": JSON(.array(list))])
        }
        router.get("/api/version") { _, _ in Response.json(["version": .text(HadalVersion.current)]) }
        router.post("/api/show") { request, _ in
            let fields = try FieldReader(try await body(request).root, in: JSONDocument(root: .null, file: "request"))
            let name = try pool.name(for: fields.string("model") ?? fields.string("name"))
            let lease = try await pool.lease(name), model = try lease.model()
            return Response.json(try await Blocking.run { OllamaModels.show(model, try pool.facts(of: name)) })
        }
        for path: RouterPath in ["/api/pull", "/api/push", "/api/create", "/api/copy"] {
            router.post(path) { _, _ -> Response in throw APIError(.forbidden, "a server fetches and changes no models") }
        }
        router.delete("/api/delete") { _, _ -> Response in throw APIError(.forbidden, "a server fetches and changes no models") }
        router.get("/api/hello") { _, _ in Response.empty }
        for path: RouterPath in ["/", "/api/hello", "/api/version"] { router.head(path) { _, _ in Response.empty } }
    }

    /// A request without a prompt loads the model.
    private func loaded(_ document: JSONDocument, isChat: Bool) async throws -> Response {
        let name = try pool.name(for: document.root["model"]?.string)
        _ = try await pool.lease(name)
        let body: [(String, JSON?)] = isChat ? [("message", ["role": "assistant", "content": ""])] : [("response", "")]
        return .json(.members([("model", .text(name)), ("created_at", Ollama.time())] + body + [("done", true), ("done_reason", "load")]))
    }

    // MARK: Operation

    private func addOperation(to router: Router<ServerContext>) {
        router.get("/health") { _, _ in
            let health = health
            return Response.json(health.json, status: health.isReady ? .ok : .serviceUnavailable)
        }
        router.get("/metrics") { _, _ in
            Response.text(try await Blocking.run { Metrics.text(activity, pool) }, type: "text/plain; version=0.0.4; charset=utf-8")
        }
        router.get("/openapi.json") { _, _ in Response.json(description) }
    }

    private var health: (json: JSON, isReady: Bool) {
        let states = pool.names.map { pool.state(of: $0) }
        let isLoading = states.contains { if case .loading = $0 { true } else { false } }
        let isReady = states.contains { if case .ready = $0 { true } else { false } }
        let status = activity.isDraining ? "draining" : isReady ? "ready" : isLoading ? "loading" : "ready"
        return (
            .members([("status", .text(status)), ("version", .text(HadalVersion.current)), ("offline", activity.seal ?? .null)]),
            !activity.isDraining && status == "ready"
        )
    }
}
