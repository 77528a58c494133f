import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the first bytes of a database say, read without SQLite, which would begin to repair or change what it opens.
///
/// Source: the SQLite file format, "The Database Header".
enum FileHeader: Equatable {
    case absent
    /// No bytes: what SQLite makes a new database of.
    case empty
    /// A history of this schema version.
    case history(version: Int)
    /// Not a database, or another program's.
    case foreign

    private static let bytes = 100
    private static let magic = Array("SQLite format 3\0".utf8)

    /// - Throws: `io` where the file is there and cannot be read.
    static func read(_ path: String) throws -> FileHeader {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return .absent }
            throw failure(path)
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw failure(path) }
        guard info.st_mode & S_IFMT == S_IFREG else { throw HadalError(.io, "the history is not a file", at: SourcePlace(path)) }
        guard let header = SystemIO.readAll(descriptor, limit: bytes) else { throw failure(path) }
        if header.isEmpty { return .empty }
        guard header.count == bytes, header.starts(with: magic), number(header, 68) == Int(Schema.applicationID) else { return .foreign }
        return .history(version: number(header, 60))
    }

    private static func failure(_ path: String) -> HadalError {
        HadalError(.io, "cannot read the history: \(String(cString: strerror(errno)))", at: SourcePlace(path))
    }

    private static func number(_ header: [UInt8], _ offset: Int) -> Int {
        header[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }
}
