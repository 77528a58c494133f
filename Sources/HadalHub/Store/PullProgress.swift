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
        JSON(.object(JSONObject([
            ("phase", JSON(.string(phase.rawValue))), ("file", JSON(.string(file))), ("bytes", JSON(.int(Int64(bytes)))),
            ("total", JSON(.int(Int64(total)))), ("resumed_from", JSON(.int(Int64(resumedFrom)))),
        ])))
    }
}
