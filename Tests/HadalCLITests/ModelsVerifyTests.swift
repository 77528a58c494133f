import Foundation
import HadalCore
import TestSupport
import Testing

/// `hadal models --verify`.
@Suite("Verifying models")
struct ModelsVerifyTests {
    @Test("every file is hashed again; the status says whether one differs")
    func manifest() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let environment = ["HADAL_MODELS": folder]
        // FIPS 180-4's example "abc".
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        let catalogue = """
            {"hadal": "catalogue/1", "models": {"mine": {"description": "d", "licence": "MIT", "files": [
              {"name": "m.gguf", "bytes": 3, "sha256": "\(digest)", "url": "https://example.invalid/m.gguf"}]}}}
            """
        try catalogue.write(toFile: "\(folder)/catalogue.json", atomically: true, encoding: .utf8)
        for name in ["mine", "own"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        try "abc".write(toFile: "\(folder)/mine/m.gguf", atomically: true, encoding: .utf8)
        try "abd".write(toFile: "\(folder)/own/a.gguf", atomically: true, encoding: .utf8)

        let good = try CommandRun(["models", "--verify"], environment: environment)
        #expect(good.status == 0, "\(good.error)")
        let lines = good.out.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init) }
        #expect(lines.count == 2 && lines[0][0] == digest && lines[0][1] == "3" && lines[0][2] == "mine/m.gguf")
        #expect(lines[0].last == "https://example.invalid/m.gguf" && lines[1][2] == "own/a.gguf" && lines[1].last == "unknown")

        try "abx".write(toFile: "\(folder)/mine/m.gguf", atomically: true, encoding: .utf8)
        let bad = try CommandRun(["models", "--verify", "mine", "--json"], environment: environment)
        #expect(bad.status == 1 && bad.error.contains("1 of 1 files are not what the catalogue says: mine/m.gguf"), "\(bad.error)")
        #expect(bad.error.contains("hadal pull mine"))
        let root = try JSONDocument(parsing: bad.out, file: "stdout").root
        let file = root["files"]?.array?.first
        #expect(root["wrong"]?.bool == true && file?["state"]?.string == "differs" && file?["origin"]?.string == "unknown")
        #expect(file?["expected_sha256"]?.string == digest && file?["bytes"]?.int == 3)
        #expect(try CommandRun(["models", "--verify", "own"], environment: environment).status == 0)
        #expect(try CommandRun(["models", "--verify", "none"], environment: environment).status == 1)
        #expect(try CommandRun(["models", "mine"], environment: environment).status == 2)
    }
}
