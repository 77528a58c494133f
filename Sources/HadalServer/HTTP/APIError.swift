import Hadal
import HadalCore
import HTTPTypes

/// Why a request is not answered, before it takes the form of one of the interfaces.
struct APIError: Error, Equatable {
    enum Kind: Equatable {
        case invalidRequest, unauthorized, forbidden, notFound, methodNotAllowed, tooLarge, contextFull, busy, draining, internalFault
        case historyLocked, wrongPassphrase
    }

    var kind: Kind
    var message: String
    /// The field at fault, as the client named it.
    var field: String?
    /// Seconds after which another try makes sense.
    var retryAfter: Int?

    init(_ kind: Kind, _ message: String, field: String? = nil, retryAfter: Int? = nil) {
        (self.kind, self.message, self.field, self.retryAfter) = (kind, message, field, retryAfter)
    }

    static func invalid(_ message: String, field: String? = nil) -> APIError { APIError(.invalidRequest, message, field: field) }

    var status: HTTPResponse.Status {
        switch kind {
        case .invalidRequest, .contextFull: .badRequest
        case .unauthorized: .unauthorized
        case .forbidden, .historyLocked, .wrongPassphrase: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .tooLarge: .contentTooLarge
        case .busy: .tooManyRequests
        case .draining: .serviceUnavailable
        case .internalFault: .internalServerError
        }
    }

    /// For the server's log: says what kind of fault it was, and quotes nothing.
    var logText: String { field.map { "\(kind), field \($0.prefix(80))" } ?? "\(kind)" }
}

extension APIError {
    /// What a library threw.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as TemplateError: self.init(.invalidRequest, "the model's chat template refuses the conversation: \(error.message)")
        case let error as HadalError: self.init(error)
        case is CancellationError: self.init(.draining, "the request was cancelled")
        default: self.init(.internalFault, "an unexpected fault: \(type(of: error))")
        }
    }

    private init(_ error: HadalError) {
        let text = [error.message, error.hint?.description].compactMap { $0 }.joined(separator: "; ")
        switch error.code {
        case .contextFull: self.init(.contextFull, text)
        case .limitExceeded: self.init(.busy, text, retryAfter: 1)
        case .invalidArgument, .malformed, .unsupported: self.init(.invalidRequest, text)
        case .notFound: self.init(.notFound, text)
        case .cancelled: self.init(.draining, text)
        case .mismatch, .outOfMemory, .io, .corrupt, .backend: self.init(.internalFault, text)
        }
    }
}
