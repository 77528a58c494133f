import Foundation
import HadalCore
import TestSupport

/// A run of `seal-check`, the program that takes rights from itself.
final class SealCheckRun {
    private let process = Process()
    private let output = Pipe()
    private let errors = Pipe()

    static let executable = "\(Fixtures.products)/seal-check"

    init(_ arguments: String...) throws {
        process.executableURL = URL(fileURLWithPath: CleanLaunch.shell)
        process.arguments = CleanLaunch.arguments(Self.executable, arguments)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
    }

    /// The first line on stderr, which it writes when it is ready.
    func firstErrorLine() -> String {
        String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// What it printed, at its end.
    func text() -> String {
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.trimmingCharacters(in: .newlines)
    }

    /// - Throws: what it printed, where that is no JSON.
    func json() throws -> JSON {
        let text = text()
        do { return try JSONDocument(parsing: text, file: "seal-check").root } catch { throw HadalError(.malformed, text) }
    }
}
