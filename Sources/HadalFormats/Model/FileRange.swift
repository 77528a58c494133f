/// A tensor's bytes as a range of an open file, for a backend that reads ranges itself.
public struct FileRange: Sendable, Equatable {
    /// Valid as long as the `ModelFiles` that gave it.
    public let descriptor: Int32
    public let offset: Int
    public let count: Int
}
