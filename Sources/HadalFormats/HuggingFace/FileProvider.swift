import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files of a model directory: a directory on disk, or files in memory.
package struct FileProvider: Sendable {
    /// The directory's path, for errors.
    package let directory: String
    private let memory: [ExactString: ByteSource]?

    package init(directory: String) {
        self.directory = directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        memory = nil
    }

    /// Files held in memory, by plain name.
    package init(files: [String: [UInt8]], directory: String) {
        self.directory = directory
        memory = Dictionary(
            files.map { (ExactString($0.key), ByteSource(bytes: $0.value, name: "\(directory)/\($0.key)")) },
            uniquingKeysWith: { first, _ in first })
    }

    /// A directory within this one, by its plain name.
    func folder(_ name: String) -> FileProvider {
        guard let memory else { return FileProvider(directory: path(name)) }
        let inner = memory.filter { $0.key.text.hasPrefix(name + "/") }.map {
            (ExactString(String($0.key.text.dropFirst(name.count + 1))), $0.value)
        }
        return FileProvider(directory: path(name), memory: Dictionary(inner, uniquingKeysWith: { first, _ in first }))
    }

    private init(directory: String, memory: [ExactString: ByteSource]) {
        self.directory = directory
        self.memory = memory
    }

    package func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// Opens a file by its plain name; nil if there is none of that name.
    /// - Throws: `io` if it is there but cannot be opened; `malformed` for a name that would leave the directory.
    package func open(_ name: String) throws -> ByteSource? {
        guard Self.isPlain(name) else {
            throw HadalError(
                .malformed, "'\(name)' is not a plain file name; model files stay in their directory", at: SourcePlace(directory))
        }
        if let memory { return memory[ExactString(name)] }
        do {
            return try ByteSource(path: path(name))
        } catch let error as HadalError where error.code == .notFound {
            return nil
        }
    }

    package func exists(_ name: String) -> Bool {
        guard Self.isPlain(name) else { return false }
        if let memory { return memory[ExactString(name)] != nil }
        return access(path(name), F_OK) == 0
    }

    /// The names of all files, sorted; empty for a directory that cannot be read.
    package var names: [String] {
        if let memory { return memory.keys.map(\.text).sorted() }
        return DirectoryListing.names(directory)?.sorted() ?? []
    }

    /// Whether a name from a file can only mean a file in the directory itself.
    static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
            && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") || $0 < 0x20 }
    }
}
