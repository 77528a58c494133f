package import HadalCore

/// How far a pull is.
public struct PullProgress: Sendable, Equatable {
    public enum Phase: String, Sendable { case downloading, copying, verifying }

    public let phase: Phase
    /// The file's name.
    public let file: String
    /// Bytes of the file that are done, those of earlier attempts included.
    public let bytes: Int
    public let total: Int
    /// Where this download went on from; 0 when it started afresh.
    public let resumedFrom: Int

    package var json: JSON {
        JSON(
            .object(
                JSONObject([
                    ("phase", JSON(.string(phase.rawValue))), ("file", JSON(.string(file))), ("bytes", JSON(.int(Int64(bytes)))),
                    ("total", JSON(.int(Int64(total)))), ("resumed_from", JSON(.int(Int64(resumedFrom)))),
                ])))
    }
}

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
