import HTTPTypes
import HadalCore
import Testing

@testable import HadalServer

/// Whom a server answers.
@Suite("Access to a server")
struct AccessTests {
    private func rules(_ adjust: (inout ServerOptions) -> Void = { _ in }) -> AccessRules {
        var options = ServerOptions()
        adjust(&options)
        return AccessRules(options)
    }

    @Test(arguments: ["127.0.0.1:8080", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8080", "[::1]"])
    func loopbackIsAnswered(host: String) throws { try rules().checkHost(host) }

    @Test(arguments: [
        "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", "[::2]:80", "0x7f.1",
    ])
    func otherNamesAreRefused(host: String) {
        #expect(throws: APIError.self) { try rules().checkHost(host) }
        #expect(throws: APIError.self) { try rules().checkHost(nil) }
    }

    @Test func namesAndAddressesCanBeAllowed() throws {
        try rules { $0.allowedHosts = ["models.example"] }.checkHost("Models.Example:443")
        let open = rules { $0.host = "0.0.0.0" }
        try open.checkHost("192.168.1.7:8080")
        #expect(throws: APIError.self) { try open.checkHost("evil.example") }
        #expect(throws: APIError.self) { try open.checkHost("192.168.1.7.evil.example") }
    }

    @Test func originsOfOtherPagesAreRefused() throws {
        let rules = rules { $0.allowedOrigins = ["https://good.example"] }
        #expect(try rules.checkOrigin(nil, authority: "127.0.0.1:8080") == nil)
        #expect(try rules.checkOrigin("http://127.0.0.1:8080", authority: "127.0.0.1:8080") == nil)
        #expect(try rules.checkOrigin("https://good.example", authority: "127.0.0.1:8080") == "https://good.example")
        for origin in ["null", "http://evil.example", "http://127.0.0.1:9999", "https://good.example.evil.example", ""] {
            #expect(throws: APIError.self, "\(origin)") { try rules.checkOrigin(origin, authority: "127.0.0.1:8080") }
        }
    }

    @Test func keysGiveClientsTheirOwnSalts() throws {
        let rules = rules { $0.keys = [APIKey(name: "ann", key: "secret-of-ann"), APIKey(name: "bob", key: "secret-of-bob")] }
        let ann = try rules.client([.authorization: "Bearer secret-of-ann"]), bob = try rules.client([.apiKey: "secret-of-bob"])
        #expect(ann.name == "ann" && bob.name == "bob" && ann.salt != bob.salt && !ann.salt.contains("secret"))
        let name = try #require(HTTPField.Name("x-api-key"))
        for headers: HTTPFields in [
            [:], [.authorization: "secret-of-ann"], [.authorization: "Bearer secret-of-an"], [name: "secret-of-anne"], [name: ""],
        ] {
            #expect(throws: APIError.self) { try rules.client(headers) }
        }
        #expect(try self.rules().client([:]).salt == "")
    }
}
