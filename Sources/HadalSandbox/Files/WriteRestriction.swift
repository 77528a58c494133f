import CHadalSystem
package import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Takes from this process, for good, the right to change files outside of some directories. Reading stays as it was.
///
/// The kernel's Landlock enforces it, needs no privilege for it, and passes it on to the programs that are started. Files that are open already
/// stay writable. Before version 8 of its interface (Linux 7.0) it binds the calling thread and those that this one starts later, not those
/// that run already: a program calls this first, before it starts threads, and `Outcome` says how many it did not reach.
package struct WriteRestriction: Sendable {
    /// What came of it.
    package enum Outcome: Sendable, Equatable {
        /// - Parameters:
        ///   - version: of the kernel's interface.
        ///   - unboundThreads: threads that ran already and are not bound.
        case enforced(version: Int, unboundThreads: Int)
        /// The kernel has no Landlock, or it is turned off; why.
        case unavailable(String)

        /// One line for a log.
        package var line: String {
            switch self {
            case .enforced(let version, 0): "writing is limited to the data, cache and temporary directories (Landlock \(version))"
            case .enforced(let version, let threads):
                "writing is limited to the data, cache and temporary directories (Landlock \(version)), but not for \(threads) thread\(threads == 1 ? "" : "s") that ran before"
            case .unavailable(let why): "writing is not limited to some directories: \(why)"
            }
        }

        package var json: JSON {
            switch self {
            case .enforced(let version, let threads):
                ["enforced": true, "version": JSON(.int(Int64(version))), "unbound_threads": JSON(.int(Int64(threads)))]
            case .unavailable(let why): ["enforced": false, "why": JSON(.string(why))]
            }
        }
    }

    /// Directories below which everything may be changed. They must exist.
    package var directories: [String]
    /// Files and directories of devices that may be written to, but not made or removed. One that is absent is passed over.
    package var devices: [String]

    package init(directories: [String], devices: [String] = WriteRestriction.deviceFiles()) {
        self.directories = directories
        self.devices = devices
    }

    /// What programs write to that holds no data, and the devices of graphics drivers.
    package static func deviceFiles() -> [String] {
        let graphics = (DirectoryListing.names("/dev") ?? []).filter { $0.hasPrefix("nvidia") }.sorted()
        return ["null", "zero", "tty", "dri", "kfd"].map { "/dev/\($0)" } + graphics.map { "/dev/\($0)" }
    }

    /// Enforces it.
    ///
    /// - Throws: `notFound` or `io` for a directory that cannot be opened; `unsupported` when the kernel has Landlock and refuses the rules.
    package func enforce() throws -> Outcome {
        let version = Int(hadal_sandbox_landlock_version())
        guard version > 0 else {
            return .unavailable(Self.reason(Int32(-version)))
        }
        let rights = Rights.all(version: version)
        let rules = hadal_sandbox_landlock_create(rights.rawValue)
        guard rules >= 0 else { throw Self.failure("cannot make rules", -rules) }
        defer { close(rules) }
        for directory in directories { try Self.allow(directory, rights, rules, mayBeAbsent: false) }
        for device in devices { try Self.allow(device, rights.intersection(.device), rules, mayBeAbsent: true) }
        let bindsAll = version >= 8
        let others = bindsAll ? 0 : try SealedThreads.all().count - 1
        let result = hadal_sandbox_landlock_enforce(rules, bindsAll)
        guard result == 0 else { throw Self.failure("cannot enforce the rules", -result) }
        return .enforced(version: version, unboundThreads: others)
    }

    /// Why there is no Landlock.
    static func reason(_ number: Int32) -> String {
        number == EOPNOTSUPP ? "Landlock is turned off in this kernel" : "this kernel has no Landlock"
    }

    private static func allow(_ path: String, _ rights: Rights, _ rules: Int32, mayBeAbsent: Bool) throws {
        let file = open(path, pathOnly | O_CLOEXEC)
        guard file >= 0 else {
            let number = errno
            if mayBeAbsent { return }
            throw HadalError(
                number == ENOENT ? .notFound : .io, "cannot open a directory to write to: \(String(cString: strerror(number)))",
                at: SourcePlace(path))
        }
        defer { close(file) }
        var info = stat()
        guard fstat(file, &info) == 0 else { throw failure("cannot read", errno, path) }
        // A file has no entries: the kernel refuses rights to make or remove some.
        let isDirectory = info.st_mode & S_IFMT == S_IFDIR
        let result = hadal_sandbox_landlock_allow(rules, file, isDirectory ? rights.rawValue : rights.intersection(.device).rawValue)
        guard result == 0 else { throw failure("cannot allow writing", -result, path) }
    }

    /// `O_PATH`: names the file without opening it for anything.
    private static var pathOnly: Int32 {
        #if os(Linux)
            0x20_0000
        #else
            O_RDONLY
        #endif
    }

    private static func failure(_ what: String, _ number: Int32, _ path: String? = nil) -> HadalError {
        HadalError(.unsupported, "Landlock: \(what): \(String(cString: strerror(number)))", at: path.map { SourcePlace($0) })
    }
}

extension WriteRestriction {
    /// Rights of Landlock to change files (`LANDLOCK_ACCESS_FS_…`).
    private struct Rights: OptionSet {
        let rawValue: UInt64

        static let write = Rights(rawValue: 1 << 1)
        /// Directories and files, then the kinds that can be made: devices, directories, files, sockets, pipes and links.
        static let remove = Rights(rawValue: 1 << 4 | 1 << 5)
        static let make = Rights(rawValue: 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12)
        /// To move or link a file into another directory. Version 1 forbids it everywhere.
        static let refer = Rights(rawValue: 1 << 13)
        static let truncate = Rights(rawValue: 1 << 14)
        static let device: Rights = [.write, .truncate]

        /// Those that a version knows.
        static func all(version: Int) -> Rights {
            var rights: Rights = [.write, .remove, .make]
            if version >= 2 { rights.insert(.refer) }
            if version >= 3 { rights.insert(.truncate) }
            return rights
        }
    }
}
