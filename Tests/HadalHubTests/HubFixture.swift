import Foundation
import HadalCore
import TestSupport

@testable import HadalHub

/// A store in a temporary folder with one catalogue model, "tiny", of random bytes.
final class HubFixture {
    let directory: String
    let bytes: [UInt8]
    let sha256: String
    let fileName = "tiny.gguf"

    /// Quick to give up, so that a test that expects a failure does not wait.
    static let options = PullOptions(retries: 2, retryDelay: 0.01, idleTimeout: 10)

    init(count: Int = 300_000, seed: UInt64 = 1) throws {
        setenv("no_proxy", "127.0.0.1", 1)
        var generator = SeededGenerator(seed: seed)
        bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        directory = try Fixtures.temporaryDirectory()
        let file = "\(directory)/source"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        sha256 = try FileChecksum.ofFile(file)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    var source: String { "\(directory)/source" }
    var path: String { "\(directory)/store/tiny/\(fileName)" }
    var part: String { "\(path).part" }

    func store(url: String?, sha256: String? = nil, bytes: Int? = nil) throws -> ModelStore {
        let address = url.map { "\"\($0)\"" } ?? "null"
        let text = """
            {"hadal": "catalogue/1", "models": {"tiny": {"description": "random", "licence": "none", "files": [
              {"name": "\(fileName)", "bytes": \(bytes ?? self.bytes.count), "sha256": "\(sha256 ?? self.sha256)", "url": \(address)}
            ]}}}
            """
        var catalogue = ModelCatalogue()
        // A null address in the file means the same as none.
        try catalogue.merge(JSONDocument(parsing: text.replacingOccurrences(of: ", \"url\": null", with: ""), file: "catalogue"))
        return ModelStore(directory: "\(directory)/store", catalogue: catalogue)
    }

    func installed() -> [UInt8]? { FileManager.default.contents(atPath: path).map(Array.init) }
    func partial() -> [UInt8]? { FileManager.default.contents(atPath: part).map(Array.init) }

    func leavePart(_ bytes: [UInt8]) throws {
        try FileManager.default.createDirectory(atPath: "\(directory)/store/tiny", withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: part))
    }
}

/// The `HadalError` that `body` throws.
func hadalError(_ body: () async throws -> Void) async -> HadalError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? HadalError
    }
}

/// A value that several threads change.
final class Shared<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value
    init(_ value: Value) { stored = value }
    var value: Value { lock.withLock { stored } }
    func change<R>(_ body: (inout Value) -> R) -> R { lock.withLock { body(&stored) } }
}
