/// What a cache directory holds of one model.
package struct CachedBlocks: Equatable, Sendable {
    package let folder: String
    package let model: CachedModel
    /// nil: the folder has no description that can be read.
    package let identity: String?
    package let blocks: Int
    /// Of them.
    package let sealedBlocks: Int
    /// Of them, those with a snapshot.
    package let snapshots: Int
    package let bytes: Int
    /// When the block was used that was used least recently, nanoseconds since 1970; nil without blocks.
    package let oldestUse: Int64?
    package let newestUse: Int64?
}
