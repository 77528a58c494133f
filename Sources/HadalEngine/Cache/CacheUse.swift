/// How a session takes part in the cache of blocks that outlive their sessions.
struct CacheUse: Sendable, Equatable {
    /// Sessions with different salts share nothing: nobody can tell by the time that an answer takes what another has sent. One for each client.
    var salt = ""
    /// Whether the blocks may be written to the disk tier, where there is one. false: they never leave memory.
    var isKeptOnDisk = true
}
