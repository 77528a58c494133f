import HadalCore
import HTTPTypes

/// How an interface writes errors.
enum ErrorForm {
    case openAI, anthropic, ollama, page

    /// The form that clients of a path expect.
    init(path: String) {
        if path.hasPrefix("/v1/messages") {
            self = .anthropic
        } else if path.hasPrefix("/api/") {
            self = .ollama
        } else if path.hasPrefix("/hadal/") {
            self = .page
        } else {
            self = .openAI
        }
    }

    func json(_ error: APIError) -> JSON {
        switch self {
        case .openAI:
            let detail: JSON = [
                "message": JSON(.string(error.message)), "type": JSON(.string(openAIType(error.kind))),
                "param": error.field.map { JSON(.string($0)) } ?? .null, "code": openAICode(error).map { JSON(.string($0)) } ?? .null,
            ]
            return ["error": detail]
        case .anthropic:
            return [
                "type": "error",
                "error": ["type": JSON(.string(anthropicType(error.kind))), "message": JSON(.string(error.located))],
            ]
        case .ollama: return ["error": JSON(.string(error.located))]
        case .page:
            return ["error": ["message": JSON(.string(error.located)), "code": JSON(.string(pageCode(error.kind)))]]
        }
    }

    private func openAIType(_ kind: APIError.Kind) -> String {
        switch kind {
        case .unauthorized: "authentication_error"
        case .forbidden, .historyLocked, .wrongPassphrase: "permission_error"
        case .busy: "rate_limit_error"
        case .internalFault, .draining: "server_error"
        default: "invalid_request_error"
        }
    }

    private func openAICode(_ error: APIError) -> String? {
        switch error.kind {
        case .contextFull: "context_length_exceeded"
        case .unauthorized: "invalid_api_key"
        case .notFound: error.field == "model" ? "model_not_found" : "not_found"
        case .busy: "rate_limit_exceeded"
        case .draining: "server_is_draining"
        case .invalidRequest, .forbidden, .methodNotAllowed, .tooLarge, .internalFault, .historyLocked, .wrongPassphrase: nil
        }
    }

    private func anthropicType(_ kind: APIError.Kind) -> String {
        switch kind {
        case .unauthorized: "authentication_error"
        case .forbidden, .historyLocked, .wrongPassphrase: "permission_error"
        case .notFound: "not_found_error"
        case .tooLarge: "request_too_large"
        case .busy: "rate_limit_error"
        case .draining: "overloaded_error"
        case .internalFault: "api_error"
        case .invalidRequest, .methodNotAllowed, .contextFull: "invalid_request_error"
        }
    }

    private func pageCode(_ kind: APIError.Kind) -> String {
        switch kind {
        case .unauthorized: "login_required"
        case .notFound: "not_found"
        case .tooLarge: "too_large"
        case .contextFull: "context_full"
        case .busy, .draining: "busy"
        case .forbidden: "forbidden"
        case .invalidRequest, .methodNotAllowed: "invalid"
        case .internalFault: "model_error"
        case .historyLocked: "history_locked"
        case .wrongPassphrase: "wrong_passphrase"
        }
    }
}

extension APIError {
    /// The message with the field at fault before it, for forms that have no place for it.
    fileprivate var located: String { field.map { "\($0): \(message)" } ?? message }
}
