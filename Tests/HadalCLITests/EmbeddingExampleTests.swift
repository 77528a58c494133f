import Foundation
import TestSupport
import Testing

/// `docs/embedding-example` is a package of its own that depends on this one by path, as an application does. The program of README.md is
/// built with it.
@Suite("The embedder's example")
struct EmbeddingExampleTests {
    /// A build folder that survives makes the next run quick, and git ignores it.
    private static let scratch = "\(Fixtures.repository)/.build-embedding"

    /// The block of Swift that README.md shows.
    private static func snippet() throws -> String {
        let readme = try String(contentsOfFile: "\(Fixtures.repository)/README.md", encoding: .utf8)
        let blocks = readme.components(separatedBy: "```swift\n").dropFirst()
        try #require(blocks.count == 1, "README.md shows one program")
        return try #require(blocks.first?.components(separatedBy: "```").first)
    }

    /// The example's package with one more program: the text of README.md.
    private static func writePackage(to folder: String) throws {
        let example = "\(Fixtures.repository)/docs/embedding-example"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: "\(folder)/Sources/Readme", withIntermediateDirectories: true)
        for name in ["Ask", "OwnBackend"] {
            try FileManager.default.copyItem(atPath: "\(example)/Sources/\(name)", toPath: "\(folder)/Sources/\(name)")
        }
        try snippet().write(toFile: "\(folder)/Sources/Readme/main.swift", atomically: true, encoding: .utf8)
        let manifest = try String(contentsOfFile: "\(example)/Package.swift", encoding: .utf8)
            .replacingOccurrences(of: #"path: "../..""#, with: #"path: "\#(Fixtures.repository)""#)
            .replacingOccurrences(
                of: "targets: [",
                with: """
                    targets: [
                            .executableTarget(
                                name: "Readme",
                                dependencies: [.product(name: "Hadal", package: "hadal"), .product(name: "HadalCPU", package: "hadal")]),
                    """)
        try manifest.write(toFile: "\(folder)/Package.swift", atomically: true, encoding: .utf8)
    }

    @Test("the program of README.md has six lines, and embedding.md shows the same")
    func sixLines() throws {
        let snippet = try Self.snippet()
        #expect(snippet.split(separator: "\n").count == 6 && snippet.hasPrefix("import Hadal\n"))
        let page = try String(contentsOfFile: "\(Fixtures.repository)/docs/embedding.md", encoding: .utf8)
        #expect(page.contains("```swift\n\(snippet)```"))
    }

    @Test("all build against this checkout and run a model", .timeLimit(.minutes(30)))
    func buildAndRun() throws {
        let package = "\(Self.scratch)/package"
        let arguments = ["swift", "build", "-c", "debug", "--package-path", package, "--scratch-path", Self.scratch]
        try Self.writePackage(to: package)
        var build = try CommandRun(arguments, executable: "/usr/bin/env")
        if build.status != 0 {
            // A folder left by an older checkout may want files that are gone: only a build from nothing is a verdict.
            try FileManager.default.removeItem(atPath: Self.scratch)
            try Self.writePackage(to: package)
            build = try CommandRun(arguments, executable: "/usr/bin/env")
        }
        try #require(build.status == 0, "\(build.out.suffix(2000)) \(build.error.suffix(2000))")
        let run = try CommandRun([Fixtures.path("models/llama"), "1,2,3"], executable: "\(Self.scratch)/debug/Ask")
        #expect(run.status == 0, "\(run.error)")
        #expect(run.out.contains("[64 tokens, length]"), "\(run.out)")

        // A backend of an application's own: checked by the kit, and given the ops that it has.
        let own = try CommandRun([Fixtures.path("models/llama")], executable: "\(Self.scratch)/debug/OwnBackend")
        #expect(own.status == 0, "\(own.out) \(own.error)")
        let lines = own.out.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("add: ") && $0.hasSuffix("cases, 0 failed") }, "\(own.out)")
        #expect(lines.contains { $0.hasPrefix("adder") } && lines.contains { $0.hasPrefix("cpu") }, "\(own.out)")

        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ScriptedModel.thinker().write(to: "\(folder)/model.gguf")
        let readme = try CommandRun(["-C", folder, "\(Self.scratch)/debug/Readme"], executable: "/usr/bin/env")
        #expect(readme.status == 0 && readme.out == "Paris.", "\(readme.out) \(readme.error)")
    }
}
