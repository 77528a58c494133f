/// How patient a pull is.
public struct PullOptions: Sendable {
    /// How often a broken connection or an overloaded server is tried again, with a new count after every progress.
    public var retries: Int
    /// Seconds before the first retry; each further one waits twice as long.
    public var retryDelay: Double
    /// Seconds without a byte after which a connection counts as broken.
    public var idleTimeout: Double

    public init(retries: Int = 4, retryDelay: Double = 1, idleTimeout: Double = 60) {
        self.retries = retries
        self.retryDelay = retryDelay
        self.idleTimeout = idleTimeout
    }
}
