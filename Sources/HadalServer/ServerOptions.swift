package import Hadal
package import HadalCore
import HadalServing

/// Bounds on what one request may ask for.
package struct ServerLimits: Sendable {
    /// Bytes of a request's body.
    package var bodyBytes = 32 << 20
    /// Tokens of an answer; nil: as many as the context takes.
    package var maxTokens: Int?
    /// Time of an answer from its arrival; nil: as long as it takes.
    package var answerTime: Duration?
    /// How long a client may leave what it is sent unread before its request is given up.
    package var stall: Duration = .seconds(30)

    package init() {}
}

/// How a server listens, whom it answers, and with what.
package struct ServerOptions: Sendable {
    package var host = "127.0.0.1"
    /// 0: any port that is free.
    package var port = 8080
    /// The first is that of requests which name none. At least one.
    package var models: [ServedModel] = []
    package var engine = EngineOptions()
    package var scheduler = Scheduler.Options()
    package var limits = ServerLimits()
    package var takesAnyModelName = false
    /// After so long without a request a model is let go; nil: never.
    package var idle: Duration? = .seconds(600)
    /// How long requests may go on after the first signal to stop.
    package var drain: Duration = .seconds(30)
    /// Whom the server answers; empty: everybody who reaches it.
    package var keys: [APIKey] = []
    /// Names by which the server may be called, beside loopback and the address it is bound to.
    package var allowedHosts: [String] = []
    /// Origins of pages that may call it, beside its own.
    package var allowedOrigins: [String] = []
    /// Where the conversations of the page are kept; nil: there is no page.
    package var history: String?
    /// Unlocks the history at the beginning.
    package var historyPassphrase: String?
    /// Gives up what the process does not need, once it listens and before a model is opened; what came of it is shown. nil: nothing is given up.
    package var seal: (@Sendable () throws -> JSON)?
    package var log = LogSink.silent

    package init() {}
}

/// A key that clients show, and what the log calls whoever has it.
package struct APIKey: Sendable {
    package var name: String
    package var key: String

    package init(name: String, key: String) { (self.name, self.key) = (name, key) }
}

/// Who sends a request.
struct Client: Sendable {
    /// For the log.
    var name: String
    /// Clients with different ones share no blocks of the cache.
    var salt: String
    /// Encrypts its blocks on disk, 32 bytes; nil: they are not encrypted.
    var sealingKey: [UInt8]?

    static let anyone = Client(name: "-", salt: "")
}
