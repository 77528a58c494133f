/// How a session takes part in the cache of blocks that outlive their sessions.
public struct CacheUse: Sendable, Equatable {
    /// Sessions with different salts share nothing: nobody can tell by the time that an answer takes what another has sent. One for each client.
    public var salt: String
    /// Whether the blocks may be written to the disk tier, where there is one. false: they never leave memory.
    public var isKeptOnDisk: Bool

    public init(salt: String = "", isKeptOnDisk: Bool = true) {
        (self.salt, self.isKeptOnDisk) = (salt, isKeptOnDisk)
    }
}
