/// In which order the threads' shares of a kernel are computed. Threads may not meet inside a kernel, so that it makes no difference to one that is
/// right.
enum ShareOrder: Int, Sendable, CaseIterable {
    /// At the same time, by as many threads.
    case together
    /// One after another, by one thread.
    case forward
    case backward

    var name: String { "\(self)" }
}
