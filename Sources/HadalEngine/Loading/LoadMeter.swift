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
