import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The `.part` file of a download: what has arrived, its running checksum, and the server's name for that version.
///
/// Used by one thread at a time; `Sendable` only so that a transfer's callbacks can hold it.
final class PartialFile: @unchecked Sendable {
    static let validatorSuffix = ModelStore.partialSuffix + ".validator"

    let path: String
    /// Bytes that have arrived.
    private(set) var count = 0
    private let descriptor: Int32
    private var hash: FileChecksum
    private var validatorPath: String { path.dropLast(ModelStore.partialSuffix.count) + Self.validatorSuffix }

    /// Opens or creates the part of `file` and takes in what it already holds.
    ///
    /// - Parameter limit: the length of the whole file; a longer part is restarted.
    init(for file: String, limit: Int) throws {
        path = file + ModelStore.partialSuffix
        hash = try FileChecksum()
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileBytes.error("cannot create", path) }
        let size = FileBytes.status(path)?.bytes ?? 0
        if size > limit {
            try restart()
        } else if size > 0 {
            try FileBytes.read(path, limit: size) { piece, done in
                try hash.update(piece)
                count = done
            }
        }
    }

    deinit { close(descriptor) }

    /// The ETag or date under which the server may be asked for the rest; nil when it gave none.
    var validator: String? {
        guard FileBytes.status(validatorPath) != nil, let file = try? MappedFile(path: validatorPath), file.count <= 1024 else {
            return nil
        }
        let text = String(decoding: file.bytes, as: UTF8.self)
        return !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7F } ? text : nil
    }

    func setValidator(_ text: String?) throws {
        guard let text else {
            unlink(validatorPath)
            return
        }
        try WholeFile.write(Array(text.utf8), to: validatorPath, for: .everyone)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard lseek(descriptor, off_t(count), SEEK_SET) >= 0 else { throw FileBytes.error("cannot seek in", path) }
        try FileBytes.write(bytes, to: descriptor, path: path)
        try hash.update(bytes)
        count += bytes.count
    }

    /// Throws away all that has arrived.
    func restart() throws {
        guard ftruncate(descriptor, 0) == 0 else { throw FileBytes.error("cannot truncate", path) }
        hash = try FileChecksum()
        count = 0
    }

    /// The checksum of everything that has arrived; the object is then only good for `install` or `remove`.
    func checksum() throws -> String { try hash.finish() }

    /// Makes the file durable and gives it its own name.
    func install(as file: String) throws {
        guard fsync(descriptor) == 0 else { throw FileBytes.error("cannot write", path) }
        guard rename(path, file) == 0 else { throw FileBytes.error("cannot rename to", file) }
        unlink(validatorPath)
    }

    func remove() {
        unlink(path)
        unlink(validatorPath)
    }
}
