import HadalCore
import HadalKernelFiles

/// A kernel's source with everything that it includes from kernel directories, read at one time: what is hashed is what is compiled.
struct KernelSource: Sendable, Equatable {
    /// A file under one of the roots.
    struct File: Sendable, Equatable {
        var root: Int
        /// Below the root: `glu/cpu.c`, `include/hadal_simd.h`.
        var path: String
        var bytes: [UInt8]
    }

    let op: String
    /// Directories that files were taken from: the one that the op's folder lies in, the kernel directory, the installation's, that of the plugin
    /// header.
    let roots: [String]
    /// The source itself first, then what it includes, in the order in which that was found.
    let files: [File]
    /// Includes that no root has, which are left to the compiler: the system's.
    let system: [String]

    static let fileName = "cpu.c"
    private static let largest = 4 << 20
    private static let mostFiles = 256

    var path: String { "\(roots[0])/\(op)/\(Self.fileName)" }

    /// Whether `directory` has a C source of `op`.
    static func exists(op: String, in directory: String) -> Bool { KernelFolder.folder(of: op, in: directory, holding: fileName) != nil }

    /// - Throws: `notFound` when there is no source; when a file that it includes cannot be followed.
    init(op: String, in directory: String) throws {
        let folder = KernelFolder.folder(of: op, in: directory, holding: Self.fileName) ?? "\(directory)/\(op)"
        var roots = [String(folder.dropLast(op.count + 1))]
        for root in [directory, StockFolders.kernels, StockFolders.pluginHeader].compactMap({ $0 }) where !roots.contains(root) {
            roots.append(root)
        }
        var reader = Reader(roots: roots)
        guard let first = WholeFile.read("\(folder)/\(Self.fileName)", limit: Self.largest) else {
            throw HadalError(.notFound, "op '\(op)' has no readable C source", at: SourcePlace("\(folder)/\(Self.fileName)"))
        }
        try reader.add(File(root: 0, path: "\(op)/\(Self.fileName)", bytes: first))
        self.op = op
        self.roots = roots
        files = reader.files
        system = reader.system.sorted()
    }

    /// The same text, wherever it came from.
    func hasSameContent(as other: KernelSource) -> Bool {
        guard op == other.op, files.count == other.files.count, system == other.system else { return false }
        return zip(files, other.files).allSatisfy { $0.path == $1.path && $0.bytes == $1.bytes }
    }

    /// Adds to a hash all that a compiler reads of it.
    func combine(into hash: inout SHA256) {
        for file in files {
            hash.combine(field: file.path)
            hash.combine(field: file.bytes)
        }
        for name in system { hash.combine(field: name) }
    }

    /// Follows includes.
    private struct Reader {
        let roots: [String]
        var files: [File] = []
        var system: Set<String> = []

        mutating func add(_ file: File) throws {
            guard files.count < KernelSource.mostFiles else {
                throw HadalError(
                    .limitExceeded, "a kernel's source includes more than \(KernelSource.mostFiles) files", at: SourcePlace(roots[0]))
            }
            files.append(file)
            let place = "\(roots[file.root])/\(file.path)"
            for include in IncludeLine.all(in: file.bytes) {
                guard let name = include.name else {
                    if include.text == "__BASE_FILE__" { continue }
                    throw HadalError(
                        .unsupported, "the name of an included file cannot be determined without compiling: #include \(include.text)",
                        at: SourcePlace(place, .text(line: include.line, column: 1)))
                }
                guard !name.hasPrefix("/") else {
                    throw HadalError(
                        .unsupported, "a kernel may include files of kernel directories and the system's, not '\(name)'",
                        at: SourcePlace(place, .text(line: include.line, column: 1)))
                }
                try find(name, quoted: include.isQuoted, from: file, SourcePlace(place, .text(line: include.line, column: 1)))
            }
        }

        /// Beside the including file first where the name is quoted, then in the `include` of every root.
        private mutating func find(_ name: String, quoted: Bool, from file: File, _ place: SourcePlace) throws {
            var candidates: [(root: Int, path: String)] = []
            if quoted {
                let folder = file.path.lastIndex(of: "/").map { String(file.path[...$0]) } ?? ""
                guard let path = Self.normalised(folder + name) else {
                    throw HadalError(.unsupported, "'\(name)' lies outside of the kernel directory", at: place)
                }
                candidates.append((file.root, path))
            }
            for root in roots.indices { if let path = Self.normalised("include/" + name) { candidates.append((root, path)) } }
            for candidate in candidates {
                if files.contains(where: { $0.root == candidate.root && $0.path == candidate.path }) { return }
                guard let bytes = WholeFile.read("\(roots[candidate.root])/\(candidate.path)", limit: KernelSource.largest) else {
                    continue
                }
                return try add(File(root: candidate.root, path: candidate.path, bytes: bytes))
            }
            system.insert(name)
        }

        /// Without `.` and `..`; nil when it leads out.
        private static func normalised(_ path: String) -> String? {
            var parts: [Substring] = []
            for part in path.split(separator: "/") where part != "." {
                if part == ".." {
                    guard parts.popLast() != nil else { return nil }
                } else {
                    parts.append(part)
                }
            }
            return parts.joined(separator: "/")
        }
    }
}
