#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Small files, read and written in one go.
public enum WholeFile {
    /// The bytes of a regular file of at most `limit` bytes; nil when there is none, or it cannot be read.
    public static func read(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_size >= 0, Int(info.st_size) <= limit else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(info.st_size))
        var done = 0
        while done < bytes.count {
            let got = bytes.withUnsafeMutableBytes { Self.readMore(descriptor, $0, done) }
            if got < 0 { return nil }
            // Shorter than it was said to be: what is there.
            if got == 0 { return Array(bytes[..<done]) }
            done += got
        }
        return bytes
    }

    /// Whether there is a regular file.
    public static func exists(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
    }

    #if canImport(Glibc)
    private static func readMore(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ done: Int) -> Int {
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
    }
    private static func writeMore(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, _ done: Int) -> Int {
        Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
    }
    #else
    private static func readMore(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ done: Int) -> Int {
        Darwin.read(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
    }
    private static func writeMore(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, _ done: Int) -> Int {
        Darwin.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
    }
    #endif

    /// Writes a file beside its place and renames it into it. Makes the directories above it.
    ///
    /// - Throws: `io` with what the system says.
    public static func write(_ bytes: [UInt8], to path: String) throws {
        func fail(_ what: String) -> HadalError { HadalError(.io, "cannot \(what): \(String(cString: strerror(errno)))", at: Place(path)) }
        if let slash = path.lastIndex(of: "/") { makeDirectories(String(path[..<slash])) }
        var template = Array("\(path).XXXXXX".utf8CString)
        let descriptor = template.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.map { mkstemp($0) } ?? -1 }
        guard descriptor >= 0 else { throw fail("make a file") }
        let temporary = template.withUnsafeBufferPointer { buffer in buffer.baseAddress.map { String(cString: $0) } ?? "" }
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes { Self.writeMore(descriptor, $0, done) }
            guard put > 0 else {
                let error = fail("write \(bytes.count) bytes")
                close(descriptor)
                unlink(temporary)
                throw error
            }
            done += put
        }
        guard close(descriptor) == 0, rename(temporary, path) == 0 else {
            let error = fail("put the file in its place")
            unlink(temporary)
            throw error
        }
    }

    /// Makes a directory and those above it, readable to their owner alone. What cannot be made shows when it is used.
    public static func makeDirectories(_ path: String) {
        var at = path.startIndex
        while let slash = path[at...].firstIndex(of: "/") {
            if slash > path.startIndex { mkdir(String(path[..<slash]), 0o700) }
            at = path.index(after: slash)
        }
        mkdir(path, 0o700)
    }
}
