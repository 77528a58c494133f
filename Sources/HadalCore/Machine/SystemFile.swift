#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files of /proc and /sys: they have no length beforehand.
package enum SystemFile {
    private static let most = 4 << 20

    /// nil for a file that is absent, empty or cannot be read.
    package static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard let bytes = SystemIO.readAll(file, limit: most) else { return nil }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
