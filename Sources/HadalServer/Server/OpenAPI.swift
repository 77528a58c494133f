import HadalCore

/// A route as `/openapi.json` describes it.
struct RouteDescription: Sendable {
    enum Answer: Sendable {
        case json, stream(String), text, page
        /// A file of some type, a value that was made, a stream that has no whole form, nothing.
        case asset, created, events, none
    }

    var method: String
    /// With `{name}` for what differs.
    var path: String
    var summary: String
    /// The schema of the request's body.
    var body: String?
    /// The type of another body that it takes, a text; nil: none.
    var text: String?
    var answer = Answer.json
    /// Statuses beside 200.
    var failures: [Int] = []
    var needsKey = true
    /// Whether it is there to be refused, whoever asks.
    var isRefused = false
    /// Whether it is for those who have opened the printed address.
    var needsLogin = false
}

/// All routes of the server. A test holds the router against them.
enum RouteList {
    private static let reading = [400, 401, 403, 404, 413, 429, 500, 503]

    static func all(hasPage: Bool) -> [RouteDescription] { interfaces + (hasPage ? page : []) }

    static let interfaces: [RouteDescription] = [
        generation(
            "/v1/chat/completions", "Answer a conversation, as OpenAI's and DeepSeek's chat completions do.", "ChatCompletionRequest"),
        generation("/chat/completions", "The same as /v1/chat/completions.", "ChatCompletionRequest"),
        generation("/v1/completions", "Continue a text, or fill in what goes before a suffix.", "CompletionRequest"),
        generation("/completions", "The same as /v1/completions.", "CompletionRequest"),
        generation("/v1/responses", "Answer a conversation, as OpenAI's responses do. Nothing is kept of it.", "ResponseRequest"),
        generation("/v1/messages", "Answer a conversation, as Anthropic's messages do.", "MessageRequest"),
        RouteDescription(
            method: "post", path: "/v1/embeddings", summary: "Texts as vectors, as OpenAI's embeddings are.", body: "EmbeddingRequest",
            failures: reading),
        RouteDescription(
            method: "post", path: "/embeddings", summary: "The same as /v1/embeddings.", body: "EmbeddingRequest", failures: reading),
        RouteDescription(
            method: "post", path: "/v1/rerank", summary: "How well documents fit a query, the best first.", body: "RerankRequest",
            failures: reading),
        RouteDescription(method: "post", path: "/rerank", summary: "The same as /v1/rerank.", body: "RerankRequest", failures: reading),
        RouteDescription(
            method: "post", path: "/v1/messages/count_tokens", summary: "Number of tokens of a prompt.", body: "CountTokensRequest",
            failures: reading),
        RouteDescription(method: "get", path: "/v1/models", summary: "The models that are served.", failures: [401, 403, 503]),
        RouteDescription(method: "get", path: "/models", summary: "The same as /v1/models.", failures: [401, 403, 503]),
        RouteDescription(method: "get", path: "/v1/models/{model}", summary: "One model.", failures: [401, 403, 404, 503]),
        RouteDescription(method: "post", path: "/tokenize", summary: "The tokens of a text.", body: "TokenizeRequest", failures: reading),
        RouteDescription(method: "post", path: "/detokenize", summary: "The text of tokens.", body: "DetokenizeRequest", failures: reading),
        RouteDescription(
            method: "post", path: "/apply-template", summary: "A conversation as the model's chat template renders it.",
            body: "ChatCompletionRequest",
            failures: reading),
        RouteDescription(
            method: "get", path: "/health", summary: "Whether the server is loading, ready or draining.", failures: [403, 503],
            needsKey: false),
        RouteDescription(
            method: "get", path: "/metrics", summary: "Counters in the text form of Prometheus.", answer: .text, failures: [401, 403, 503]),
        RouteDescription(method: "get", path: "/openapi.json", summary: "This description.", failures: [401, 403, 503]),
        generation("/api/chat", "Answer a conversation, as Ollama does.", "OllamaChatRequest", stream: "application/x-ndjson"),
        generation("/api/generate", "Answer a prompt, as Ollama does.", "OllamaGenerateRequest", stream: "application/x-ndjson"),
        RouteDescription(
            method: "post", path: "/api/embed", summary: "Texts as vectors, as Ollama's embed gives them.", body: "OllamaEmbedRequest",
            failures: reading),
        RouteDescription(
            method: "post", path: "/api/embeddings", summary: "One text as a vector, as older clients of Ollama ask for it.",
            body: "OllamaEmbeddingRequest",
            failures: reading),
        RouteDescription(method: "get", path: "/api/tags", summary: "The models that are served.", failures: [401, 403, 503]),
        RouteDescription(method: "get", path: "/api/ps", summary: "The models that are loaded.", failures: [401, 403, 503]),
        RouteDescription(method: "get", path: "/api/version", summary: "The version.", failures: [401, 403, 503]),
        RouteDescription(
            method: "head", path: "/api/version", summary: "Whether the server is there.", answer: .text, failures: [401, 403, 503]),
        RouteDescription(
            method: "post", path: "/api/show", summary: "What a model is and can do.", body: "ModelRequest", failures: reading),
        RouteDescription(
            method: "head", path: "/", summary: "Whether the server is there.", answer: .text, failures: [403, 503], needsKey: false),
        RouteDescription(
            method: "get", path: "/api/hello", summary: "Whether the server is there.", answer: .text, failures: [403, 503], needsKey: false
        ),
        RouteDescription(
            method: "head", path: "/api/hello", summary: "Whether the server is there.", answer: .text, failures: [403, 503],
            needsKey: false),
        refused("post", "/api/pull"), refused("post", "/api/push"), refused("post", "/api/create"), refused("post", "/api/copy"),
        refused("delete", "/api/delete"),
    ]

    /// The page, and what it asks for.
    static let page: [RouteDescription] = [
        RouteDescription(method: "get", path: "/", summary: "The chat page.", answer: .page, failures: [403, 503], needsKey: false),
        RouteDescription(
            method: "get", path: "/hadal/page/{name}", summary: "A file of the page.", answer: .asset, failures: [403, 404, 503],
            needsKey: false),
        RouteDescription(
            method: "post", path: "/hadal/login", summary: "Exchange the token of the printed address for a cookie.", body: "LoginRequest",
            answer: .none,
            failures: [400, 403, 413, 503], needsKey: false),
        forPage("get", "/hadal/state", "The models, the history, and what the process has given up."),
        forPage("get", "/hadal/events", "What changes, as it does.", answer: .events),
        forPage("get", "/hadal/conversations", "The conversations, or those that have some words."),
        forPage("post", "/hadal/conversations", "Begin a conversation.", body: "ConversationRequest", answer: .created),
        forPage("delete", "/hadal/conversations", "Delete all conversations.", answer: .none),
        forPage("get", "/hadal/conversations/{id}", "A conversation with its messages."),
        forPage("patch", "/hadal/conversations/{id}", "Change a conversation.", body: "ConversationRequest"),
        forPage("delete", "/hadal/conversations/{id}", "Delete a conversation.", answer: .none),
        forPage(
            "post", "/hadal/conversations/{id}/messages", "Add a message, and begin an answer to it.", body: "NewMessageRequest",
            answer: .created),
        forPage(
            "post", "/hadal/conversations/{id}/answers", "Begin another answer to a message.", body: "NewAnswerRequest", answer: .created),
        forPage("get", "/hadal/conversations/{id}/export", "A conversation as a file.", answer: .asset),
        forPage("get", "/hadal/answers/{id}/events", "The events of an answer, from a number on.", answer: .events),
        forPage("post", "/hadal/answers/{id}/stop", "End an answer with what it has.", answer: .none),
        forPage("get", "/hadal/export", "All conversations as a file."),
        forPage("post", "/hadal/import", "Take conversations from a file.", body: "ImportRequest", text: "text/markdown"),
        forPage("post", "/hadal/history/unlock", "Give the passphrase of the history.", body: "PassphraseRequest", answer: .none),
        forPage("post", "/hadal/history/lock", "Forget the passphrase of the history.", answer: .none),
        forPage("put", "/hadal/history/passphrase", "Set, change or remove the passphrase.", body: "NewPassphraseRequest", answer: .none),
    ]

    private static func forPage(
        _ method: String, _ path: String, _ summary: String, body: String? = nil, text: String? = nil,
        answer: RouteDescription.Answer = .json
    ) -> RouteDescription {
        RouteDescription(
            method: method, path: path, summary: summary, body: body, text: text, answer: answer,
            failures: [400, 401, 403, 404, 413, 429, 500, 503],
            needsKey: false,
            needsLogin: true)
    }

    private static func generation(_ path: String, _ summary: String, _ body: String, stream: String = "text/event-stream")
        -> RouteDescription
    {
        RouteDescription(method: "post", path: path, summary: summary, body: body, answer: .stream(stream), failures: reading)
    }

    private static func refused(_ method: String, _ path: String) -> RouteDescription {
        RouteDescription(
            method: method, path: path, summary: "Always refused: a server fetches and changes no models.", failures: [401, 403, 503],
            isRefused: true)
    }

    /// The methods that a path takes; empty for a path that is not a route.
    static func methods(of path: String, in routes: [RouteDescription]) -> [String] {
        routes.filter { matches($0.path, path) }.map { $0.method.uppercased() }
    }

    private static func matches(_ pattern: String, _ path: String) -> Bool {
        guard let open = pattern.firstIndex(of: "{"), let close = pattern.firstIndex(of: "}") else { return pattern == path }
        let (stem, end) = (pattern[..<open], pattern[pattern.index(after: close)...])
        guard path.hasPrefix(stem), path.hasSuffix(end), path.count > stem.count + end.count else { return false }
        let name = path.dropFirst(stem.count).dropLast(end.count)
        // Names of models may have slashes.
        return pattern == "/v1/models/{model}" || !name.contains("/")
    }
}

/// What `/openapi.json` says: the routes, and the fields of requests by the tables of the interfaces.
enum OpenAPI {
    static func document(_ routes: [RouteDescription]) -> JSON {
        .members([
            ("openapi", "3.1.0"),
            (
                "info",
                .members([
                    ("title", "hadal"), ("version", .text(HadalVersion.current)), ("summary", "Open language models on this machine."),
                ])
            ),
            ("paths", paths(routes)),
            (
                "components",
                .members([
                    ("schemas", schemas),
                    ("securitySchemes", securitySchemes),
                ])
            ),
        ])
    }

    private static let securitySchemes: JSON = .members([
        ("bearer", ["type": "http", "scheme": "bearer"]), ("key", ["type": "apiKey", "in": "header", "name": "x-api-key"]),
        ("login", ["type": "apiKey", "in": "cookie", "name": .text(PageLogin.cookie)]),
    ])

    private static func paths(_ routes: [RouteDescription]) -> JSON {
        var paths = JSONObject()
        for route in routes {
            var item = paths[route.path]?.object ?? JSONObject()
            item[route.method] = operation(route)
            paths[route.path] = JSON(.object(item))
        }
        return JSON(.object(paths))
    }

    private static func operation(_ route: RouteDescription) -> JSON {
        var responses = JSONObject()
        switch route.answer {
        case _ where route.isRefused: break
        case .none: responses["204"] = .members([("description", "Done")])
        case .created: responses["201"] = .members([("description", "Created"), ("content", content(.json))])
        default: responses["200"] = .members([("description", "OK"), ("content", content(route.answer))])
        }
        for status in route.failures {
            responses[String(status)] = .members([("description", .text(reasons[status] ?? "")), ("content", content(.json))])
        }
        var members: [(String, JSON?)] = [("summary", .text(route.summary)), ("responses", JSON(.object(responses)))]
        if let open = route.path.firstIndex(of: "{"), let close = route.path.firstIndex(of: "}") {
            let name = String(route.path[route.path.index(after: open)..<close])
            let parameter: JSON = .members([
                ("name", .text(name)), ("in", "path"), ("required", true), ("schema", ["type": "string", "minLength": 1]),
            ])
            members.append(("parameters", JSON(.array([parameter]))))
        }
        if let body = route.body {
            let reference: JSON = ["$ref": .text("#/components/schemas/\(body)")]
            let json: (String, JSON?) = ("application/json", .members([("schema", reference)]))
            let texts: [(String, JSON?)] = route.text.map { [($0, .members([("schema", text)]))] } ?? []
            members.append(("requestBody", .members([("required", true), ("content", .members([json] + texts))])))
        }
        let none = JSON(.object(JSONObject())), empty = JSON(.array([]))
        if route.needsKey {
            members.append(("security", JSON(.array([none, .members([("bearer", empty)]), .members([("key", empty)])]))))
        }
        if route.needsLogin { members.append(("security", JSON(.array([.members([("login", empty)])])))) }
        return .members(members)
    }

    private static let reasons = [
        400: "The request cannot be honoured as it is.", 401: "A key is required.", 403: "Not for this caller.", 404: "No such model.",
        413: "Too large.",
        429: "The queue is full.", 500: "The server failed.", 503: "The server is loading or shutting down.",
    ]

    private static func content(_ answer: RouteDescription.Answer) -> JSON {
        let any: JSON = ["schema": ["type": "object"]], text: JSON = ["schema": ["type": "string"]]
        switch answer {
        case .json: return ["application/json": any]
        case .stream(let type): return .members([("application/json", any), (type, text)])
        case .text: return ["text/plain": text]
        case .page: return ["text/html": text]
        case .events: return ["text/event-stream": text]
        case .asset: return ["*/*": text]
        case .created, .none: return any
        }
    }

    // MARK: Schemas

    private static var schemas: JSON {
        .members([
            ("ChatCompletionRequest", object(ChatCompletions.table, required: ["messages"], ["messages": list])),
            ("CompletionRequest", object(Completions.table, required: ["prompt"], [:])),
            ("ResponseRequest", object(Responses.table, required: ["input"], [:])),
            ("MessageRequest", object(Messages.table, required: ["messages", "max_tokens"], ["messages": list])),
            ("CountTokensRequest", object(Messages.table, required: ["messages"], ["messages": list])),
            ("EmbeddingRequest", object(Embeddings.table, required: ["input"], ["encoding_format": ["enum": ["float", "base64"]]])),
            ("RerankRequest", object(Reranking.table, required: ["query", "documents"], ["documents": ["type": "array", "minItems": 1]])),
            ("OllamaEmbedRequest", object(Embeddings.ollama, required: [], [:])),
            ("OllamaEmbeddingRequest", object(Embeddings.older, required: [], [:])),
            ("OllamaChatRequest", object(Ollama.table, required: [], [:])),
            ("OllamaGenerateRequest", object(Ollama.table, required: [], [:])),
            (
                "TokenizeRequest",
                fields(
                    ["content": text, "model": text, "add_special": flag, "parse_special": flag, "with_pieces": flag], required: ["content"]
                )
            ),
            (
                "DetokenizeRequest",
                fields(["tokens": ["type": "array", "items": ["type": "integer", "minimum": 0]], "model": text], required: ["tokens"])
            ),
            ("ModelRequest", fields(["model": text], required: [])),
            ("LoginRequest", fields(["token": text], required: ["token"])),
            ("ConversationRequest", fields(["title": text, "settings": anyObject, "temporary": flag, "current": text], required: [])),
            (
                "NewMessageRequest",
                fields(
                    ["parent": optionalText, "role": role, "content": text, "tool_call_id": optionalText, "answer": flag],
                    required: ["role", "content"])
            ),
            ("NewAnswerRequest", fields(["parent": text], required: ["parent"])),
            ("ImportRequest", fields(["hadal": text, "conversations": ["type": "array"]], required: ["hadal", "conversations"])),
            ("PassphraseRequest", fields(["passphrase": text], required: ["passphrase"])),
            ("NewPassphraseRequest", fields(["current": optionalText, "new": optionalText], required: [])),
        ])
    }

    private static let text: JSON = ["type": "string"]
    private static let flag: JSON = ["type": "boolean"]
    private static let anyObject: JSON = ["type": "object"]
    private static let optionalText: JSON = ["type": ["string", "null"]]
    private static let role: JSON = ["enum": ["user", "tool"]]
    private static let list: JSON = ["type": "array", "items": ["type": "object"], "minItems": 1]
    private static let known: [String: JSON] = [
        "model": text, "stream": flag, "temperature": ["type": "number", "minimum": 0],
        "top_p": ["type": "number", "minimum": 0, "maximum": 1],
        "seed": ["type": "integer"], "logprobs": .null, "max_tokens": ["type": "integer"], "max_completion_tokens": ["type": "integer"],
        "tools": ["type": "array"], "parallel_tool_calls": flag,
    ]

    private static func object(_ table: FieldTable, required: [String], _ typed: [String: JSON]) -> JSON {
        var members: [(String, JSON)] = table.honoured.map { name in
            let schema = typed[name] ?? known[name] ?? .null
            return (name, schema.isNull ? [:] : schema)
        }
        members += table.harmless.map { ($0, ["description": "Changes nothing here."]) }
        members += table.refused.map { ($0.name, ["description": .text("Refused: \($0.reason).")]) }
        return fields(JSON(.object(JSONObject(members))), required: required)
    }

    private static func fields(_ properties: JSON, required: [String]) -> JSON {
        .members([
            ("type", "object"), ("properties", properties), ("required", JSON(.array(required.map { .text($0) }))),
        ])
    }
}
