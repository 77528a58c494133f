/// How far loading a model is.
public struct LoadProgress: Sendable, Equatable {
    public enum Phase: String, Sendable {
        /// Weights are read, and put together where files store their parts.
        case reading
        /// Backends take them over, packed as they compute on them.
        case compiling
    }

    public let phase: Phase
    /// Bytes of weights, as stored, that have gone through each phase.
    public let readBytes: Int
    public let compiledBytes: Int
    /// What each phase has to do, for all graphs that are loaded: a draft model's, too.
    public let totalBytes: Int

    /// From 0 to 1.
    public var fraction: Double { totalBytes > 0 ? (Double(readBytes) + Double(compiledBytes)) / (2 * Double(totalBytes)) : 0 }
}
