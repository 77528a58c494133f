import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The folder in a cache directory that holds the blocks of one identity. Any thread, any number of processes.
struct CacheFolder: Equatable, Sendable {
    private static let prefix = "hadal-"
    private static let digits = 32
    /// Nobody writes one file for longer.
    private static let temporaryAge: Int64 = 600 * 1_000_000_000

    struct File: Equatable, Sendable {
        let folder: CacheFolder
        let name: String
        let kind: CacheFileName
        let status: FileStatus

        var path: String { folder.path(name) }

        /// Whether a block has a snapshot, as its file's first bytes say.
        var hasSnapshot: Bool { OpenFile(path).flatMap { BlockPrefix(of: $0) }?.hasSnapshot ?? false }
    }

    let directory: String
    let path: String

    init(in directory: String, identity: String) {
        self.directory = directory
        path = "\(directory)/\(Self.prefix)\(SHA256.hash(Array(identity.utf8)).prefix(Self.digits / 2).hexadecimal)"
    }

    /// - Returns: nil for what this program did not make.
    private init?(in directory: String, name: String) {
        guard name.hasPrefix(Self.prefix), CacheFileName.isHash(name.utf8.dropFirst(Self.prefix.utf8.count), digits: Self.digits) else {
            return nil
        }
        (self.directory, path) = (directory, "\(directory)/\(name)")
        guard exists else { return nil }
    }

    /// This program's files in all folders of a cache directory.
    static func files(in directory: String) -> [File] { all(in: directory).flatMap(\.files) }

    /// All folders of a cache directory, in order of their names.
    static func all(in directory: String) -> [CacheFolder] {
        (DirectoryListing.names(directory) ?? []).sorted().compactMap { CacheFolder(in: directory, name: $0) }
    }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// The beginning of the hash of the identity.
    var identityHash: Substring { path.suffix(Self.digits) }

    private var status: stat? {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR ? info : nil
    }

    var exists: Bool { status != nil }

    /// Makes the folder, for the user alone.
    ///
    /// - Throws: `io`.
    func make() throws {
        var info = stat()
        guard stat(directory, &info) != 0 || info.st_mode & S_IFMT == S_IFDIR else {
            throw HadalError(.io, "is not a directory, as the cache on disk requires", at: SourcePlace(directory))
        }
        try WholeFile.makeDirectories(path, for: .owner)
        guard let status else { throw HadalError(.io, "is not a directory", at: SourcePlace(path)) }
        // In a directory that all may write to somebody else could have made it.
        guard [geteuid(), 0].contains(status.st_uid) else { throw HadalError(.io, "belongs to another user", at: SourcePlace(path)) }
        guard status.st_mode & 0o777 == 0o700 || chmod(path, 0o700) == 0 else {
            throw HadalError(.io, "others may use it: \(String(cString: strerror(errno)))", at: SourcePlace(path))
        }
    }

    /// This program's files.
    var files: [File] {
        (DirectoryListing.names(path) ?? []).compactMap { name in
            guard let kind = CacheFileName(name), let status = FileStatus(path(name)) else { return nil }
            return File(folder: self, name: name, kind: kind, status: status)
        }
    }

    /// Removes what writers left that did not come to their end.
    static func removeOldTemporaries(_ files: [File]) {
        let now = FileStatus.now
        for file in files where file.kind == .temporary && file.status.use < now - temporaryAge { unlink(file.path) }
    }
}
