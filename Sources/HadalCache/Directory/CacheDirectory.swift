import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A cache directory as one looks after it: what it holds, whether that is whole, and how to be rid of it. Requires no sealing key, and says nothing of
/// tokens. Processes that use the directory may go on.
package struct CacheDirectory: Sendable {
    package let path: String

    /// - Throws: `notFound`; `io` if the path is not a directory.
    package init(_ path: String) throws {
        self.path = path
        var info = stat()
        guard stat(path, &info) == 0 else { throw HadalError(.notFound, "the directory does not exist", at: SourcePlace(path)) }
        guard info.st_mode & S_IFMT == S_IFDIR else { throw HadalError(.io, "is not a directory", at: SourcePlace(path)) }
    }

    /// What it holds, by model. Reads the first bytes of each block.
    package func list() -> [CachedBlocks] {
        CacheFolder.all(in: path).map { folder in
            let (blocks, description) = (folder.files.filter(\.kind.isBlock), CachedModel.read(in: folder))
            return CachedBlocks(
                folder: folder.path, model: description?.model ?? CachedModel(), identity: description?.identity, blocks: blocks.count,
                sealedBlocks: blocks.count { $0.kind == .sealedBlock }, snapshots: blocks.count(where: \.hasSnapshot),
                bytes: blocks.reduce(0) { $0 + $1.status.bytes },
                oldestUse: blocks.map(\.status.use).min(), newestUse: blocks.map(\.status.use).max())
        }
    }

    /// Reads every block, and removes those that are not whole. Of sealed ones only the lengths are checked.
    ///
    /// - Parameter progress: is told how much of all bytes has been read.
    /// - Throws: `unsupported` where libcrypto lacks an algorithm.
    package func verify(progress: (Double) -> Void = { _ in }) throws -> CacheVerification {
        let blocks = CacheFolder.files(in: path).filter(\.kind.isBlock).sorted { $0.path < $1.path }
        let all = blocks.reduce(0) { $0 + $1.status.bytes }
        let reader = try BlockReader(SealingKeys(nil))
        var (result, done) = (CacheVerification(), 0)
        for block in blocks {
            switch reader.check(block) {
            case .complete: result.count(block)
            // Removed by another process meanwhile.
            case .absent where !FileStatus.exists(block.path): break
            case .absent, .withoutSnapshot, .invalid: result.bad.append(.init(path: block.path, isRemoved: unlink(block.path) == 0))
            }
            done += block.status.bytes
            progress(Double(done) / Double(max(all, 1)))
        }
        return result
    }

    /// Removes the blocks of some groups and files of them that were not finished. Does nothing if the directory does not exist.
    ///
    /// - Throws: `io` for the first file that cannot be removed; the others are.
    package static func remove(_ groups: Set<BlockGroup>, in path: String) throws {
        let beginnings = Set(groups.map(\.text))
        var failure: HadalError?
        for file in CacheFolder.files(in: path)
        where file.kind != .description && beginnings.contains(String(file.name.prefix(BlockGroup.digits))) {
            guard unlink(file.path) != 0, errno != ENOENT else { continue }
            failure = failure ?? HadalError(.io, "cannot remove: \(String(cString: strerror(errno)))", at: SourcePlace(file.path))
        }
        if let failure { throw failure }
    }

    /// Removes what this program wrote, and nothing else.
    ///
    /// - Throws: `io` for the first file that cannot be removed; the others are.
    package func clear() throws -> (blocks: Int, bytes: Int) {
        var (blocks, bytes, failure) = (0, 0, HadalError?.none)
        for folder in CacheFolder.all(in: path) {
            let files = folder.files
            for file in files {
                guard unlink(file.path) == 0 || errno == ENOENT else {
                    failure = failure ?? HadalError(.io, "cannot remove: \(String(cString: strerror(errno)))", at: SourcePlace(file.path))
                    continue
                }
                if file.kind.isBlock { (blocks, bytes) = (blocks + 1, bytes + file.status.bytes) }
            }
            // Stays where something of somebody else's is in it.
            if !files.isEmpty { rmdir(folder.path) }
        }
        if let failure { throw failure }
        return (blocks, bytes)
    }
}
