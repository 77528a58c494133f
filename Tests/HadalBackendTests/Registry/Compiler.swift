import Foundation
import TestSupport

/// The system's C compiler, for plugins that tests build.
struct Compiler {
    /// What a run of a program gave.
    struct Outcome {
        var status: Int32
        var output: String
    }

    static let header = "\(Fixtures.repository)/Sources/CHadalPlugin/include"
    static let variantSource = Fixtures.path("plugins/variant.c")

    static func find(_ names: [String]) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        for name in names {
            for directory in path.split(separator: ":") where FileManager.default.isExecutableFile(atPath: "\(directory)/\(name)") {
                return "\(directory)/\(name)"
            }
        }
        return nil
    }

    static let c = find(["cc", "gcc", "clang"])
    static let cxx = find(["c++", "g++", "clang++"])

    static func run(_ program: String, _ arguments: [String], directory: String? = nil) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
    }

    struct Failed: Error, CustomStringConvertible { let description: String }

    /// Builds the variant plugin with `defines` at `path`.
    static func variant(at path: String, _ defines: [String] = [], _ more: [String] = []) throws {
        guard let c else { throw Failed(description: "no C compiler") }
        let arguments = ["-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden", "-I", header, variantSource, "-o", path]
        let outcome = try run(c, arguments + defines.map { "-D\($0)" } + more)
        guard outcome.status == 0 else { throw Failed(description: outcome.output) }
    }
}

/// A folder of plugins that goes with the object.
final class PluginFolder {
    let path: String
    init() throws { path = try Fixtures.temporaryDirectory() }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func variant(_ name: String = "libhadal-variant.so", _ defines: [String] = [], _ more: [String] = []) throws -> String {
        try Compiler.variant(at: file(name), defines, more)
        return file(name)
    }
}
