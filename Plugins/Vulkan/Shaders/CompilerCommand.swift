import Foundation
import HadalCore

/// A shader compiler that is a command, a process for each shader.
struct CompilerCommand: ShaderCompiler {
    /// The commands that are known, by what they are called.
    enum Kind: String {
        /// shaderc's.
        case glslc
        /// The compiler inside shaderc, with a command of its own, which some systems have in a newer version.
        case glslang

        fileprivate func arguments(_ input: String, _ output: String) -> [String] {
            switch self {
            case .glslc: ["--target-env=vulkan1.2", "-fshader-stage=compute", "-O", "-o", output, input]
            case .glslang: ["--target-env", "vulkan1.2", "--quiet", "-V", "-S", "comp", "-o", output, input]
            }
        }
    }

    let kind: Kind
    let path: String
    var identity: String { FileIdentity.text(of: path) }

    /// nil: it is not installed.
    static func find(_ kind: Kind) -> CompilerCommand? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return folders.map { "\($0)/\(kind.rawValue)" }.first { FileManager.default.isExecutableFile(atPath: $0) }.map {
            CompilerCommand(kind: kind, path: $0)
        }
    }

    func compile(_ source: String, path file: String) throws -> [UInt32] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-\(UUID().uuidString)")
        let (input, output) = (folder.appendingPathComponent("kernel.comp"), folder.appendingPathComponent("kernel.spv"))
        defer { try? FileManager.default.removeItem(at: folder) }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(source.utf8).write(to: input)
        } catch {
            throw HadalError(.io, "cannot write for the shader compiler: \(error.localizedDescription)", at: SourcePlace(folder.path))
        }
        // Not Foundation's own: it opens sockets to learn of the end, and waits for ever where it gets none.
        let result = try ChildProcess.run(path, kind.arguments(input.path, output.path), merged: true)
        guard result.succeeded, let words = try? Data(contentsOf: output), words.count % 4 == 0, !words.isEmpty else {
            let text = result.end == .timedOut ? "it took longer than two minutes\n\(result.text)" : result.text
            throw HadalError(.malformed, "the shader does not compile:\n\(text)", at: SourcePlace(file))
        }
        return words.withUnsafeBytes { $0.bindMemory(to: UInt32.self).map { $0 } }
    }
}
