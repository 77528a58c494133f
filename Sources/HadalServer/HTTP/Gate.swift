import Hadal
import HadalCore
import HTTPTypes
import Hummingbird
import NIOCore

/// What every request goes through: who may ask, what became of it, and errors in the form that its client reads.
struct Gate: RouterMiddleware {
    let rules: AccessRules
    let activity: Activity
    let routes: [RouteDescription]
    let log: LogSink
    /// Paths that need no key.
    static let open: Set<String> = ["/health", "/", "/api/hello"]

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let started = ContinuousClock.now
        let path = request.uri.path
        var context = context
        var response: Response
        var origin: String?
        do {
            try rules.checkHost(request.head.authority)
            origin = try rules.checkOrigin(request.headers[.origin], authority: request.head.authority)
            if request.method == .options, origin != nil {
                response = Response(status: .noContent)
            } else {
                if !Self.open.contains(path), !path.hasPrefix("/hadal/") { context.client = try rules.client(request.headers) }
                if !activity.isOpen { throw APIError(.draining, "the server is starting", retryAfter: 1) }
                if activity.isDraining, path != "/health" {
                    throw APIError(.draining, "the server is shutting down", retryAfter: 5)
                }
                response = try await next(request, context)
            }
        } catch {
            var fault = APIError(http: error)
            let methods = RouteList.methods(of: path, in: routes)
            let isWrongMethod = fault.kind == .notFound && error is HTTPError && !methods.isEmpty
            if isWrongMethod {
                fault = APIError(.methodNotAllowed, "the route takes \(methods.joined(separator: ", ")), not \(request.method.rawValue)")
            }
            log.write(fault.status.code >= 500 ? .error : .info, "\(context.requestID) \(fault.logText)")
            response = Response.json(ErrorForm(path: path).json(fault), status: fault.status)
            if isWrongMethod { response.headers[.allow] = methods.joined(separator: ", ") }
            if let wait = fault.retryAfter { response.headers[.retryAfter] = String(wait) }
            // What is left of the body is not read.
            if fault.kind == .forbidden || fault.kind == .unauthorized || fault.kind == .tooLarge {
                response.headers[.connection] = "close"
            }
        }
        response.headers[.requestID] = context.requestID
        if path.hasPrefix("/v1/messages") { response.headers[.anthropicRequestID] = context.requestID }
        if let origin {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.vary] = "Origin"
            response.headers[.accessControlAllowHeaders] = "authorization, content-type, x-api-key, anthropic-version, anthropic-beta"
            response.headers[.accessControlAllowMethods] = "GET, POST, DELETE, OPTIONS"
        }
        activity.count(status: Int(response.status.code))
        log.write(
            .info,
            "\(context.requestID) \(context.client.name) \(request.method.rawValue) \(Self.logged(path)) \(response.status.code) \((ContinuousClock.now - started).milliseconds) ms"
        )
        return response
    }

    /// Paths hold no text that anybody typed, but anybody can ask for any path.
    private static func logged(_ path: String) -> String {
        String(path.prefix(80).map { $0.isASCII && ($0.isLetter || $0.isNumber || "/-_.:".contains($0)) ? $0 : "?" })
    }
}

extension APIError {
    /// What a route or the router threw.
    init(http error: any Error) {
        guard let error = error as? HTTPError else {
            self.init(error)
            return
        }
        switch error.status.code {
        case 404: self.init(.notFound, "there is no such route; /openapi.json lists them")
        case 405: self.init(.methodNotAllowed, "the route does not take this method; /openapi.json lists them")
        case 413: self.init(.tooLarge, "the request is too large")
        case 400..<500: self.init(.invalidRequest, "the request cannot be read")
        default: self.init(.internalFault, "an unexpected fault")
        }
    }
}

extension Duration {
    var milliseconds: Int { Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000) }
}

extension Response {
    static func json(_ value: JSON, status: HTTPResponse.Status = .ok, headers: HTTPFields = HTTPFields()) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: value.text())))
    }

    /// Nothing to say but that the server is there.
    static var empty: Response { .text("", type: "text/plain; charset=utf-8") }

    static func text(_ text: String, type: String) -> Response {
        Response(status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

extension Request {
    /// The body as JSON.
    ///
    /// - Throws: `tooLarge`; `invalidRequest` with line and column.
    func json(limit: Int) async throws -> JSONDocument {
        if let length = headers[.contentLength].flatMap(Int.init), length > limit {
            throw APIError(.tooLarge, "the request has \(length) bytes, and at most \(limit) are taken")
        }
        let buffer: ByteBuffer
        do { buffer = try await body.collect(upTo: limit) } catch is NIOTooManyBytesError {
            throw APIError(.tooLarge, "the request has more than the \(limit) bytes that are taken")
        } catch {
            throw APIError.invalid("the request ended before its body did")
        }
        do {
            return try buffer.withUnsafeReadableBytes { try JSONDocument(parsing: $0, file: "request") }
        } catch let error as HadalError {
            throw APIError.invalid("the body is not JSON: \(error.message)\(error.place.map { " (\($0))" } ?? "")")
        }
    }
}
