import Foundation
import HadalBackend
import HadalCore
import HadalGraph
import HadalKernelFiles

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The kernel sources that a model may use, where they lie, and whether they have changed.
struct KernelFiles {
    /// One backend's source of one op.
    struct Source: Hashable {
        var op: String
        var backend: String
        /// The kernel directory.
        var directory: String
        /// The op's folder below it.
        var folder: String

        /// A message about a copy in `copy` as one about the source.
        func named(_ message: String, copy: String) -> String {
            message.replacingOccurrences(of: "\(copy)/\(op)/", with: "\(directory)/\(folder)/").replacingOccurrences(
                of: copy, with: directory)
        }
    }

    /// What a file system says of a file that changes when its content does.
    struct Stamp: Equatable {
        var seconds: Int
        var nanoseconds: Int
        var size: Int
        var inode: UInt64
    }

    /// First things first; the installation's own comes last.
    let directories: [String]
    let ops: Set<String>
    let backends: [String]
    /// Folders of files that the sources of a directory share.
    private static let shared = ["include", "glsl"]
    private static let largest = 8 << 20

    /// Where each op's source for each backend is: in the first directory that has one.
    func sources() -> [Source] {
        ops.sorted().flatMap { op in
            backends.compactMap { backend in
                directories.lazy.compactMap { directory in
                    Self.folder(of: op, for: backend, in: directory).map {
                        Source(op: op, backend: backend, directory: directory, folder: $0)
                    }
                }.first
            }
        }
    }

    /// What editors leave beside a file is none.
    private static func isSource(_ file: String) -> Bool {
        !file.hasPrefix(".") && !file.hasPrefix("#")
            && ["c", "h", "inc", "comp", "glsl", "json"].contains((file as NSString).pathExtension)
    }

    /// The op's folder with a backend's source, which bears its name: cpu.c, vulkan.comp.
    private static func folder(of op: String, for backend: String, in directory: String) -> String? {
        KernelFolder.opFolders(of: directory).reversed().map { String("\($0)/\(op)".dropFirst(directory.count + 1)) }.first { folder in
            list("\(directory)/\(folder)").contains { $0.hasPrefix("\(backend).") && isSource($0) }
        }
    }

    private static func list(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// Every file that a source may consist of, below its directory: of its folder, those of other backends left out, and those that the directory's
    /// sources share.
    private func files(of source: Source) -> [String] {
        let own = Self.list("\(source.directory)/\(source.folder)").filter { file in
            Self.isSource(file) && !backends.contains { $0 != source.backend && file.hasPrefix("\($0).") }
        }
        let beside = Self.shared.flatMap { folder in
            Self.list("\(source.directory)/\(folder)").filter(Self.isSource).map { "\(folder)/\($0)" }
        }
        return own.map { "\(source.folder)/\($0)" } + beside
    }

    /// The stamp of each file of a source.
    func stamps(of source: Source) -> [String: Stamp] {
        var stamps: [String: Stamp] = [:]
        for file in files(of: source) {
            var info = stat()
            guard stat("\(source.directory)/\(file)", &info) == 0, info.st_mode & S_IFMT == S_IFREG else { continue }
            #if canImport(Glibc)
                let time = info.st_mtim
            #else
                let time = info.st_mtimespec
            #endif
            stamps[file] = Stamp(seconds: time.tv_sec, nanoseconds: time.tv_nsec, size: Int(info.st_size), inode: UInt64(info.st_ino))
        }
        return stamps
    }

    /// Copies a source's files, the op's folder to one below `directory` itself. Somebody may write to them meanwhile: compare stamps from before and after.
    func copy(_ source: Source, to directory: String) throws {
        for file in files(of: source) {
            guard let bytes = WholeFile.read("\(source.directory)/\(file)", limit: Self.largest) else { continue }
            let name = file.hasPrefix("\(source.folder)/") ? source.op + file.dropFirst(source.folder.count) : file
            try WholeFile.write(bytes, to: "\(directory)/\(name)")
        }
    }
}

/// A temporary folder that is removed with the object; made when the first file is written to it.
final class SnapshotFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-live-\(UUID().uuidString)").path

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
