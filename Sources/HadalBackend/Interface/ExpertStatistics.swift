/// What an executable that reads experts from disk as they are needed has done since it was compiled.
public struct ExpertStatistics: Sendable, Equatable {
    /// Experts that were in memory when a step of their layer needed them; a step counts an expert once, whatever number of tokens chose it.
    public var hits = 0
    /// Of these, the ones that were there for the first time, because they had been guessed.
    public var prefetchHits = 0
    /// Experts that a step had to wait for.
    public var misses = 0
    /// Experts read from disk, and of these the ones that were guesses.
    public var reads = 0
    public var prefetches = 0
    public var readBytes = 0
    /// Time in which threads that compute had nothing to do but wait for a read.
    public var waitedNanoseconds: UInt64 = 0
    /// Bytes of experts in memory now, at most, and of all there are.
    public var heldBytes = 0
    public var limitBytes = 0
    public var totalBytes = 0

    public init() {}

    /// The share of experts that were in memory, 0 when none was needed.
    public var hitRate: Double { hits + misses > 0 ? Double(hits) / Double(hits + misses) : 0 }

    /// Adds up what happened; the bytes held too, since no expert is held twice. Limits are shared, so the larger stands.
    public static func += (a: inout ExpertStatistics, b: ExpertStatistics) {
        a.hits += b.hits
        a.prefetchHits += b.prefetchHits
        a.misses += b.misses
        a.reads += b.reads
        a.prefetches += b.prefetches
        a.readBytes += b.readBytes
        a.waitedNanoseconds += b.waitedNanoseconds
        a.heldBytes += b.heldBytes
        a.limitBytes = max(a.limitBytes, b.limitBytes)
        a.totalBytes += b.totalBytes
    }
}
