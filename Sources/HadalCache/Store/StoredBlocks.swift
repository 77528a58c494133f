import HadalCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The blocks of one identity that lie on the disk, under any sealing keys or none. Any thread.
final class StoredBlocks: Sendable {
    /// Of blocks that have no others.
    let keys: SealingKeys
    private let folder: CacheFolder
    private let model: CachedModel
    private let identity: String
    private let index = Mutex(BlockIndex())
    /// Of which no block is written any more.
    private let forgotten = Mutex<Set<BlockGroup>>([])

    /// - Throws: `io` for a folder that cannot be made.
    init(in directory: String, identity: String, model: CachedModel, _ keys: SealingKeys) throws {
        (folder, self.identity) = (CacheFolder(in: directory, identity: identity), identity)
        (self.model, self.keys) = (model, keys)
        try folder.make()
        // A folder without a description is one that a list says less of.
        try? model.write(in: folder, identity: identity)
    }

    /// Makes the folder again when somebody removed it.
    ///
    /// - Throws: `io`.
    func restoreFolder() throws {
        guard !folder.exists else { return }
        try folder.make()
        try model.write(in: folder, identity: identity)
    }

    func path(_ name: String) -> String { folder.path(name) }

    /// Whether a block is there, as far as its name says and is known.
    func contains(_ name: String) -> Bool { index.withLock { $0.contains(name) } || isThere(name) }

    /// Whether a block is there now: other processes write and remove files too.
    func isThere(_ name: String) -> Bool {
        let status = FileStatus(path(name))
        index.withLock { index in
            guard let status else { return index.remove(name) }
            if !index.contains(name) { index.add(name, use: status.use) }
        }
        return status != nil
    }

    /// Whether a block is there now, with a snapshot if it needs one.
    func isThere(_ name: String, withSnapshot: Bool) -> Bool {
        isThere(name) && (!withSnapshot || OpenFile(path(name)).flatMap { BlockPrefix(of: $0) }?.hasSnapshot ?? false)
    }

    /// Brings the index up to date.
    ///
    /// - Parameter files: all of the directory.
    func update(_ files: [CacheFolder.File]) {
        let mine = files.filter { $0.folder == folder && $0.kind.isBlock }
        let present = Dictionary(mine.map { ($0.name, $0.status.use) }) { $1 }
        index.withLock { $0.update(present) }
    }

    /// A block was written. Its file is given a time that does not put it before its parent.
    func add(_ name: String, parent: String) {
        let now = FileStatus.now
        let use = index.withLock {
            let use = $0.firstUse(after: parent, now: now)
            $0.add(name, use: use, parent: parent)
            return use
        }
        FileStatus.set(use: use, of: path(name))
    }

    func isForgotten(_ group: BlockGroup) -> Bool { forgotten.withLock { $0.contains(group) } }

    /// Says that no block of these groups is to be written any more.
    func forget(_ groups: Set<BlockGroup>) { forgotten.withLock { $0.formUnion(groups) } }

    /// A file is no longer there.
    func forget(_ name: String) { index.withLock { $0.remove(name) } }

    /// A file is not what its name says.
    func remove(_ name: String) {
        unlink(path(name))
        forget(name)
    }

    /// Says that a block was used.
    ///
    /// - Returns: whether `saveUses` was not to be called before and is now.
    func markUsed(_ name: String, parent: String) -> Bool { index.withLock { $0.markUsed(name, parent: parent) } }

    /// Gives files the times when they were used.
    func saveUses() {
        for (name, use) in index.withLock({ $0.takeUses(now: FileStatus.now) }) { FileStatus.set(use: use, of: path(name)) }
    }
}
