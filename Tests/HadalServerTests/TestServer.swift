import Foundation
import HadalCore
import TestSupport
import Testing

/// A server in a process of its own, as users start it, with a model that a script speaks for.
///
/// In the tests' process it would wait for the threads that other tests hold.
struct TestServer {
    let port: Int
    let folder: String
    var client: TestClient { TestClient(port: port) }

    /// What the server logged.
    var log: String { (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "" }

    /// - Parameters:
    ///   - names: of the models, which are the same.
    ///   - arguments: of `hadal serve`, further ones.
    static func with(
        _ model: ScriptedModel = .caller(), names: [String] = ["scripted"], hasPage: Bool = false, arguments: [String] = [],
        _ body: @escaping @Sendable (TestServer) throws -> Void
    ) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread { continuation.resume(with: Result { try run(model, names, arguments, hasPage: hasPage, body) }) }
        }
    }

    private static func run(
        _ model: ScriptedModel, _ names: [String], _ arguments: [String], hasPage: Bool, _ body: (TestServer) throws -> Void
    ) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try model.write(to: "\(folder)/model.gguf")
        let process = Process(), out = Pipe()
        process.executableURL = URL(fileURLWithPath: "\(Fixtures.products)/hadal")
        process.arguments =
            ["serve"] + names.map { "\($0)=\(folder)/model.gguf" } + ["--port", "0", "-v", "--cache-type", "f32"]
            + (hasPage ? ["--history", "\(folder)/history"] : ["--no-page"]) + arguments
        process.standardOutput = out
        FileManager.default.createFile(atPath: "\(folder)/log", contents: nil)
        process.standardError = FileHandle(forWritingAtPath: "\(folder)/log")
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        let line = String(decoding: out.fileHandleForReading.availableData, as: UTF8.self)
        let port = line.split(separator: ":").last.flatMap { Int($0.prefix { $0.isNumber }) }
        let log = try String(contentsOfFile: "\(folder)/log", encoding: .utf8)
        try body(TestServer(port: try #require(port, "\(line)\(log)"), folder: folder))
    }
}
