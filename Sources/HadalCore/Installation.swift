import CHadalSystem
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where this copy of Hadal is installed: plugins and data files are looked for relative to it.
package enum Installation {
    /// The directory of the binary image (executable, test bundle or shared library) that contains this code.
    package static let directory: String = {
        var path = hadal_system_image_path(#dsohandle).map { String(cString: $0) } ?? ""
        // The loader reports the main program under the name it was started with; the kernel knows its real path.
        if path.isEmpty || path == CommandLine.arguments.first, let executable = readLink("/proc/self/exe") { path = executable }
        if let resolved = realpath(path, nil) {
            path = String(cString: resolved)
            free(resolved)
        }
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }()

    private static func readLink(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count) }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
