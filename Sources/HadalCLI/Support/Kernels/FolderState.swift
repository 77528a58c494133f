#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Foundation

/// The files of some folders as they are now: two states differ when a file was saved, added or removed.
struct FolderState: Equatable {
    private struct File: Equatable {
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private var files: [String: File] = [:]

    /// Folders that do not exist count as empty. Hidden files and editors' backups are left out.
    init(_ folders: [String]) {
        for folder in folders {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where !name.hasPrefix(".") && !name.hasSuffix("~") {
                var info = stat()
                guard stat("\(folder)/\(name)", &info) == 0, info.st_mode & S_IFMT == S_IFREG else { continue }
                #if canImport(Glibc)
                    let time = info.st_mtim
                #else
                    let time = info.st_mtimespec
                #endif
                files["\(folder)/\(name)"] = File(
                    inode: UInt64(info.st_ino), size: Int64(info.st_size), seconds: Int(time.tv_sec), nanoseconds: Int(time.tv_nsec))
            }
        }
    }
}
