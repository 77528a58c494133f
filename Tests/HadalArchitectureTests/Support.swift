import Foundation
import HadalArchitecture
import HadalCore
import HadalGraph
import TestSupport

extension Fixtures {
    static func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
    static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    /// Runs `body` with a library that searches a fresh folder of these files first.
    static func withLibrary<R>(_ files: [String: String], _ body: (ArchitectureLibrary, String) throws -> R) throws -> R {
        let folder = try temporaryDirectory()
        defer { remove(folder) }
        for (name, text) in files { try write(text, to: "\(folder)/\(name).json") }
        return try body(ArchitectureLibrary(directories: [folder]), folder)
    }
}
