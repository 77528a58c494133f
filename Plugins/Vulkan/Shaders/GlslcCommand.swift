import Foundation
import HadalCore

/// shaderc's command `glslc`, a process for each shader.
struct GlslcCommand: ShaderCompiler {
    let path: String
    var identity: String { FileIdentity.text(of: path) }

    static func find() -> GlslcCommand? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return folders.map { "\($0)/glslc" }.first { FileManager.default.isExecutableFile(atPath: $0) }.map { GlslcCommand(path: $0) }
    }

    func compile(_ source: String, path file: String) throws -> [UInt32] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-\(UUID().uuidString)")
        let (input, output) = (folder.appendingPathComponent("kernel.comp"), folder.appendingPathComponent("kernel.spv"))
        let process = Process()
        let messages = Pipe()
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(source.utf8).write(to: input)
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = ["--target-env=vulkan1.2", "-fshader-stage=compute", "-O", "-o", output.path, input.path]
            process.standardError = messages
            process.standardOutput = FileHandle.nullDevice
            try process.run()
        } catch { throw HadalError(.io, "cannot run the shader compiler: \(error.localizedDescription)", at: Place(path)) }
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = String(decoding: messages.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0, let words = try? Data(contentsOf: output), words.count % 4 == 0, !words.isEmpty else {
            throw HadalError(.malformed, "the shader does not compile:\n\(text)", at: Place(file))
        }
        return words.withUnsafeBytes { $0.bindMemory(to: UInt32.self).map { $0 } }
    }
}
