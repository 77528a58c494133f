import Foundation
import TestSupport
import Testing

/// `docs/embedding-example` is a package of its own that depends on this one by path, as an application does.
@Suite("The embedder's example")
struct EmbeddingExampleTests {
    @Test("it builds against this checkout and runs a model", .timeLimit(.minutes(30)))
    func buildAndRun() throws {
        // A build folder that survives makes the next run quick, and git ignores it.
        let scratch = "\(Fixtures.repository)/.build-embedding"
        let package = "\(Fixtures.repository)/docs/embedding-example"
        let arguments = ["swift", "build", "-c", "debug", "--package-path", package, "--scratch-path", scratch, "--product", "Ask"]
        var build = try CommandRun(arguments, executable: "/usr/bin/env")
        if build.status != 0 {
            // A folder left by an older checkout may want files that are gone: only a build from nothing is a verdict.
            try FileManager.default.removeItem(atPath: scratch)
            build = try CommandRun(arguments, executable: "/usr/bin/env")
        }
        try #require(build.status == 0, "\(build.out.suffix(2000)) \(build.error.suffix(2000))")
        let run = try CommandRun(
            [Fixtures.path("models/llama"), "1,2,3"], executable: "\(scratch)/debug/Ask")
        #expect(run.status == 0, "\(run.error)")
        #expect(run.out.contains("[64 tokens, length]"), "\(run.out)")
    }
}
