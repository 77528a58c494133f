import Foundation

/// A directory of op folders that goes with the object.
public final class KernelDirectory: @unchecked Sendable {
    public let path: String

    public init() throws { path = try Fixtures.temporaryDirectory() }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A directory with the squared ReLU of the fixtures.
    public static func relu2() throws -> KernelDirectory {
        let directory = try KernelDirectory()
        try FileManager.default.copyItem(atPath: Fixtures.path("kernels/relu2_gate"), toPath: "\(directory.path)/relu2_gate")
        // A text of its own: a process has what it has compiled before in memory.
        let path = "\(directory.path)/relu2_gate/cpu.c"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try (text + "/* \(UUID().uuidString) */\n").write(toFile: path, atomically: true, encoding: .utf8)
        return directory
    }

    /// A directory with a folder of the repository's own kernels.
    public static func stock(_ op: String) throws -> KernelDirectory {
        let directory = try KernelDirectory()
        try FileManager.default.copyItem(atPath: "\(Fixtures.repository)/kernels/ops/\(op)", toPath: "\(directory.path)/\(op)")
        return directory
    }

    /// Replaces text in a file, which has to hold it, as editors do: all at once.
    public func edit(_ file: String, _ old: String, _ new: String) throws {
        let text = try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
        guard text.contains(old) else { throw CocoaError(.fileReadCorruptFile, userInfo: ["text": old]) }
        try text.replacingOccurrences(of: old, with: new).write(toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
    }

    public func write(_ file: String, _ text: String) throws {
        let folder = ("\(path)/\(file)" as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
    }

    /// The system's C compiler, if there is one.
    public static let compiler: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        for name in ["cc", "clang", "gcc"] {
            for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") { return "\(folder)/\(name)" }
        }
        return nil
    }()
}
