/// A tensor's bytes as a range of an open file, for a backend that reads ranges itself.
package struct FileRange: Sendable, Equatable {
    /// Valid as long as the `ModelFiles` that gave it.
    package let descriptor: Int32
    package let offset: Int
    package let count: Int
}
