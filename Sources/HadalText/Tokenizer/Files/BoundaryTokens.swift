/// The ids that a post-processor puts before and after a single text.
struct BoundaryTokens {
    var before: [Int32] = []
    var after: [Int32] = []
}
