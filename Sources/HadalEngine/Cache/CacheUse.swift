import HadalCache

/// How a session takes part in the cache of blocks that outlive their sessions.
struct CacheUse: Sendable {
    /// Sessions with different salts share nothing: nobody can tell by the time that an answer takes what another has sent. One for each client.
    var salt = ""
    /// Whether the blocks may be written to the disk tier, where there is one. false: they never leave memory.
    var isKeptOnDisk = true
    /// Encrypts the blocks on disk; nil: as `EngineOptions.sealingKey` says.
    var seal: SealingKeys?
}
