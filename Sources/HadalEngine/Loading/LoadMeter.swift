/// Counts what has been loaded, and tells of it. For one thread.
final class LoadMeter {
    private let handler: ((LoadProgress) throws -> Void)?
    private let total: Int
    private var read = 0
    private var compiled = 0

    /// - Parameter handler: what it throws ends the loading.
    init(totalBytes: Int, _ handler: ((LoadProgress) throws -> Void)?) {
        total = totalBytes
        self.handler = handler
    }

    func bind(_ bytes: Int) throws {
        read += bytes
        try tell(.reading)
    }

    func compile(_ bytes: Int) throws {
        compiled += bytes
        try tell(.compiling)
    }

    private func tell(_ phase: LoadProgress.Phase) throws {
        try handler?(LoadProgress(phase: phase, readBytes: read, compiledBytes: compiled, totalBytes: total))
    }
}

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
