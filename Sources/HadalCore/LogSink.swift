/// Where log lines go. Libraries and plugins never print: they are given a sink.
public struct LogSink: Sendable {
    public enum Level: UInt32, Sendable, Comparable {
        case debug = 0, info = 1, warning = 2, error = 3
        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// Called from any thread.
    public let write: @Sendable (Level, String) -> Void

    public init(_ write: @escaping @Sendable (Level, String) -> Void) { self.write = write }

    public static let silent = LogSink { _, _ in }
}
