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
    let processID: Int32
    /// Opens the page.
    let token: String
    var client: TestClient { TestClient(port: port) }

    /// What the server logged.
    var log: String { (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "" }

    /// - Parameters:
    ///   - names: of the models, which are the same.
    ///   - arguments: of `hadal serve`, further ones.
    ///   - folder: of an earlier server, whose files are found again and stay; nil: a new one.
    static func with(
        _ model: ScriptedModel = .caller(), names: [String] = ["scripted"], hasPage: Bool = false, arguments: [String] = [],
        in folder: String? = nil, _ body: @escaping @Sendable (TestServer) throws -> Void
    ) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread {
                continuation.resume(with: Result { try run(model, names, arguments, hasPage: hasPage, folder, body) })
            }
        }
    }

    private static func run(
        _ model: ScriptedModel, _ names: [String], _ arguments: [String], hasPage: Bool, _ known: String?,
        _ body: (TestServer) throws -> Void
    ) throws {
        let folder = try known ?? Fixtures.temporaryDirectory()
        defer { if known == nil { try? FileManager.default.removeItem(atPath: folder) } }
        try model.write(to: "\(folder)/model.gguf")
        let process = Process(), out = Pipe()
        let all =
            ["serve"] + names.map { "\($0)=\(folder)/model.gguf" } + ["--port", "0", "-v", "--cache-type", "f32"]
            + (hasPage ? ["--history", "\(folder)/history"] : ["--no-page"]) + arguments
        let program = "\(Fixtures.products)/hadal"
        // Sockets that other tests hold would end an offline server. Others are not started so: Foundation's `Process` waits for the end of such a
        // program before it sees any other end, and some tests start programs beside their server.
        let isClean = arguments.contains("--offline")
        process.executableURL = URL(fileURLWithPath: isClean ? CleanLaunch.shell : program)
        process.arguments = isClean ? CleanLaunch.arguments(program, all) : all
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
        let token = line.split(separator: "=").last.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? ""
        let log = try String(contentsOfFile: "\(folder)/log", encoding: .utf8)
        try body(
            TestServer(
                port: try #require(port, "\(line)\(log)"), folder: folder, processID: process.processIdentifier, token: token))
    }
}
