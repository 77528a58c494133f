import HadalCore
import HTTPTypes

/// Whom the server answers: by the name it is called, the page that calls, and the key that is shown.
struct AccessRules: Sendable {
    private let hosts: Set<String>
    private let origins: Set<String>
    private let takesAddresses: Bool
    private let keys: [(client: Client, digest: [UInt8])]

    init(_ options: ServerOptions) {
        hosts = Set((["localhost", "127.0.0.1", "::1", options.host] + options.allowedHosts).map { $0.lowercased() })
        origins = Set(options.allowedOrigins.map { $0.lowercased() })
        // An address cannot be rebound as a name can.
        takesAddresses = ["0.0.0.0", "::"].contains(options.host)
        keys = options.keys.map { key in
            let digest = Self.digest(key.key)
            return (Client(name: key.name, salt: digest.map { String($0, radix: 16) }.joined(separator: ".")), digest)
        }
    }

    private static func digest(_ text: String) -> [UInt8] { SHA256.hash(Array(text.utf8)) }

    /// - Throws: `forbidden`.
    func checkHost(_ authority: String?) throws {
        guard let authority, !authority.isEmpty else { throw APIError(.forbidden, "the request has no Host") }
        let host = Self.host(of: authority).lowercased()
        guard hosts.contains(host) || takesAddresses && Self.isAddress(host) else {
            throw APIError(.forbidden, "this server does not answer by that name, unless it is allowed to")
        }
    }

    /// - Returns: the origin, where it is a page of another server that may call this one.
    /// - Throws: `forbidden`.
    func checkOrigin(_ origin: String?, authority: String?) throws -> String? {
        guard let origin else { return nil }
        let plain = origin.lowercased()
        if let authority, plain == "http://\(authority.lowercased())" || plain == "https://\(authority.lowercased())" { return nil }
        guard origins.contains(plain) else {
            throw APIError(.forbidden, "pages of that origin may not call this server, unless it is allowed to them")
        }
        return origin
    }

    /// - Throws: `unauthorized`.
    func client(_ headers: HTTPFields) throws -> Client {
        guard !keys.isEmpty else { return .anyone }
        let shown: String
        if let authorization = headers[.authorization], authorization.count > 7, authorization.prefix(7).lowercased() == "bearer " {
            shown = authorization.dropFirst(7).trimmingSpaces
        } else if let key = headers[.apiKey] {
            shown = key.trimmingSpaces
        } else {
            throw APIError(.unauthorized, "this server requires a key: Authorization: Bearer KEY, or x-api-key: KEY")
        }
        let digest = Self.digest(shown)
        var found: Client?
        // All are compared, each in full, so that the time tells nothing.
        for key in keys {
            let difference = zip(key.digest, digest).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            if difference == 0 { found = key.client }
        }
        guard let found else { throw APIError(.unauthorized, "the key is not known here") }
        return found
    }

    /// Without the port; of an address in brackets, what is in them.
    static func host(of authority: String) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        guard let colon = authority.lastIndex(of: ":"), authority.firstIndex(of: ":") == colon else { return authority }
        return String(authority[..<colon])
    }

    private static func isAddress(_ host: String) -> Bool {
        if host.contains(":") { return host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." } }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}

extension StringProtocol {
    var trimmingSpaces: String {
        var rest = Substring(self)
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }
}

extension HTTPField.Name {
    static let apiKey = HTTPField.Name("x-api-key")!
    static let ignoredFields = HTTPField.Name("Hadal-Ignored-Fields")!
    static let requestID = HTTPField.Name("x-request-id")!
    static let anthropicRequestID = HTTPField.Name("request-id")!
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
