import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Descriptors of the process through which data can leave it although no socket can be opened any more.
enum OpenSockets {
    /// One that is open, and what it is.
    struct Found: Equatable, Sendable {
        var descriptor: Int32
        /// As the system names it: `socket:[12345]`.
        var name: String
    }

    private static let folder = "/proc/self/fd"

    /// Open sockets, and rings that would work on them, beside those in `kept`.
    ///
    /// - Throws: `unsupported` where the system does not say what is open.
    static func find(except kept: [Int32] = []) throws -> [Found] {
        guard let names = DirectoryListing.names(folder) else {
            throw HadalError(
                .unsupported, "what the process has open cannot be determined: \(String(cString: strerror(errno)))",
                at: SourcePlace(folder),
                hint: "the network can be forbidden only where /proc is mounted")
        }
        return names.compactMap(Int32.init).filter { !kept.contains($0) }.sorted().compactMap { descriptor in
            // Asked of the descriptor itself: a name in /proc is only for people.
            var info = stat()
            guard fstat(descriptor, &info) == 0 else { return nil }
            let name = target(descriptor) ?? ""
            guard info.st_mode & S_IFMT == S_IFSOCK || name.contains("io_uring") else { return nil }
            return Found(descriptor: descriptor, name: name)
        }
    }

    /// Refuses to go on where one is open.
    ///
    /// - Throws: `invalidArgument` naming them.
    static func check(except kept: [Int32]) throws {
        let found = try find(except: kept)
        guard let first = found.first else { return }
        let list = found.map { "\($0.descriptor)\(standardName($0.descriptor)): \($0.name)" }.joined(separator: ", ")
        throw HadalError(
            .invalidArgument, "the network cannot be forbidden while a socket is open: descriptor \(list)",
            hint: standardName(first.descriptor).isEmpty
                ? "the program that started this one left it open" : "give the program a file or a pipe in its place")
    }

    private static func standardName(_ descriptor: Int32) -> String {
        switch descriptor {
        case 0: " (stdin)"
        case 1: " (stdout)"
        case 2: " (stderr)"
        default: ""
        }
    }

    private static func target(_ descriptor: Int32) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let count = readlink("\(folder)/\(descriptor)", start, buffer.count)
            guard count > 0 else { return nil }
            return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
