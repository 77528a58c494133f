import Foundation
import HadalCore
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// A server with the scripted model (Tests/Fixtures/scripted), which can be ended and started again with what it has on the disk.
final class RuleServer {
    private let folder: String
    private let arguments: [String]
    private var process: Process?
    private(set) var client = TestClient(port: 0)

    private static let fixture = Fixtures.path("scripted")

    /// - Parameters:
    ///   - rules: the text of the file of rules.
    ///   - arguments: of `hadal serve`, further ones.
    static func with(
        rules: String, arguments: [String] = [], _ body: @escaping @Sendable (RuleServer) throws -> Void
    ) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let server = try RuleServer(rules: rules, arguments)
                        defer { server.remove() }
                        try server.start()
                        try body(server)
                    })
            }
        }
    }

    private init(rules: String, _ arguments: [String]) throws {
        folder = try Fixtures.temporaryDirectory()
        self.arguments = arguments
        try rules.write(toFile: "\(folder)/rules.json", atomically: true, encoding: .utf8)
        let maker = Process()
        maker.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        maker.arguments = ["python3", "\(Self.fixture)/make.py", "\(folder)/rules.json", "\(folder)/model"]
        maker.environment = ProcessInfo.processInfo.environment.merging(["PYTHONDONTWRITEBYTECODE": "1"]) { $1 }
        try maker.run()
        maker.waitUntilExit()
        try #require(maker.terminationStatus == 0)
    }

    /// Bytes of all files of the model.
    func modelBytes() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "\(folder)/model").reduce(0) {
            $0 + ((try FileManager.default.attributesOfItem(atPath: "\(folder)/model/\($1)")[.size] as? Int) ?? 0)
        }
    }

    private func start() throws {
        let process = Process(), out = Pipe()
        process.executableURL = URL(fileURLWithPath: "\(Fixtures.products)/hadal")
        process.arguments =
            [
                "serve", "scripted=\(folder)/model", "--kernels", Self.fixture, "--architecture", "\(Self.fixture)/scripted.json",
                "--context",
                "131072", "--port", "0", "--no-page", "-v", "--cache-dir", "\(folder)/cache",
            ] + arguments
        process.standardOutput = out
        FileManager.default.createFile(atPath: "\(folder)/log", contents: nil)
        process.standardError = FileHandle(forWritingAtPath: "\(folder)/log")
        try process.run()
        self.process = process
        let line = String(decoding: out.fileHandleForReading.availableData, as: UTF8.self)
        let log = try String(contentsOfFile: "\(folder)/log", encoding: .utf8)
        client = TestClient(port: try #require(line.split(separator: ":").last.flatMap { Int($0.prefix { $0.isNumber }) }, "\(line)\(log)"))
    }

    /// Ends the server, at once or as a service manager does, and starts it again.
    func restart(killing: Bool) throws {
        guard let process else { return }
        if killing { kill(process.processIdentifier, SIGKILL) } else { process.terminate() }
        process.waitUntilExit()
        try start()
    }

    /// Waits until nothing is written to the cache any more.
    func waitForCache() {
        var last = -1, same = 0
        while same < 4 {
            let count = FileManager.default.enumerator(atPath: "\(folder)/cache")?.allObjects.count ?? 0
            (same, last) = (count == last ? same + 1 : 0, count)
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    /// Tokens of all prompts since the start, and those of them that were found in the cache.
    func promptTokens() throws -> (all: Int, cached: Int) {
        let metrics = try client.get("/metrics").body
        func value(_ name: String) -> Int {
            metrics.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
        }
        return (value("hadal_prompt_tokens_total"), value("hadal_prompt_tokens_cached_total"))
    }

    private func remove() {
        process?.terminate()
        process?.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
