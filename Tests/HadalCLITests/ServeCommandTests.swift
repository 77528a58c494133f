import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalCLI

/// `hadal serve` as a user starts and ends it.
@Suite("hadal serve", .serialized)
struct ServeCommandTests {
    private func withFolder(_ body: (_ folder: String, _ model: String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ScriptedModel.thinker().write(to: "\(folder)/model.gguf")
        try body(folder, "\(folder)/model.gguf")
    }

    @Test("what cannot be served is refused before anything listens")
    func refused() throws {
        try withFolder { folder, model in
            try "ann:secret-of-ann\n".write(toFile: "\(folder)/keys", atomically: true, encoding: .utf8)
            chmod("\(folder)/keys", 0o644)
            func fails(_ arguments: [String], _ status: Int32, _ text: String) throws {
                let run = try CommandRun(["serve"] + arguments)
                #expect(run.status == status && run.out.isEmpty && run.error.contains(text), "\(arguments): \(run.error)")
            }
            try fails([], 2, "Give a model to serve")
            try fails(["\(folder)/none.gguf"], 1, "none.gguf")
            try fails([model, "--host", "0.0.0.0", "--port", "0", "--no-page"], 1, "no key is required")
            try fails([model, "--api-key-file", "\(folder)/keys"], 1, "others than its owner can read the file")
            chmod("\(folder)/keys", 0o600)
            try "short\n".write(toFile: "\(folder)/few", atomically: true, encoding: .utf8)
            chmod("\(folder)/few", 0o600)
            try fails([model, "--api-key-file", "\(folder)/few"], 1, "at least 8 characters")
            try fails([model, "--no-page", "--history", folder], 2, "--no-page has no history")
            try fails([model, "--idle", "soon"], 2, "must be a time")
            try fails(["a=\(model)", "a=\(model)", "--no-page"], 1, "two models are called 'a'")
        }
    }

    @Test("SIGTERM lets an answer end, and then the server", arguments: [false, true])
    func ends(isOffline: Bool) throws {
        try withFolder { folder, model in
            let process = Process(), out = Pipe()
            let arguments = ["serve", "chat=\(model)", "--port", "0", "--history", "\(folder)/history"] + (isOffline ? ["--offline"] : [])
            process.executableURL = URL(fileURLWithPath: CleanLaunch.shell)
            process.arguments = CleanLaunch.arguments(CommandRun.executable, arguments)
            process.standardOutput = out
            process.standardError = FileHandle.nullDevice
            try process.run()
            defer { process.terminate() }
            let line = String(decoding: out.fileHandleForReading.availableData, as: UTF8.self)
            let address = try #require(line.split(separator: "#").first.map(String.init), "\(line)")
            #expect(address.hasPrefix("http://127.0.0.1:") && line.contains("#token="))
            let health = try #require(URL(string: address + "health"))
            let limit = Date() + 30
            var text = ""
            while !text.contains("ready"), Date() < limit {
                text = (try? String(contentsOf: health, encoding: .utf8)) ?? ""
                Thread.sleep(forTimeInterval: 0.05)
            }
            #expect(text.contains(isOffline ? #""sealed": true"# : #""offline": null"#), "\(text)")
            process.terminate()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0 && process.terminationReason == .exit)
        }
    }

    @Test(
        "times are numbers with a unit",
        arguments: [("30s", 30.0), ("10m", 600), ("1h", 3600), ("1.5s", 1.5), ("250ms", 0.25), ("7", 7), ("0", 0)])
    func times(text: String, seconds: Double) throws {
        #expect(try DurationOption.read(text).seconds == seconds)
    }

    @Test("what is no time is refused", arguments: ["", "s", "-1s", "1d", "nan", "inf", "1e99", "1 m 2"])
    func noTimes(text: String) { #expect(throws: (any Error).self) { try DurationOption.read(text) } }
}
