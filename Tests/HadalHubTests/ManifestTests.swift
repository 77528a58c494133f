import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalHub

/// What `hadal models --verify` finds.
@Suite struct ManifestTests {
    private func put(_ bytes: [UInt8], _ path: String) throws {
        try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test func everyFileIsReadAgain() throws {
        let fixture = try HubFixture(count: 3_000_000)
        let store = try fixture.store(url: "https://example.invalid/tiny.gguf")
        try put(fixture.bytes, fixture.path)
        let seen = Shared<[Int]>([])
        let manifest = try store.manifest { file, done, total in
            #expect(file == "tiny.gguf" && total == 3_000_000)
            seen.change { $0.append(done) }
        }
        #expect(seen.value.last == 3_000_000 && seen.value == seen.value.sorted() && seen.value.count > 1)
        let file = try #require(manifest.files.first)
        #expect(manifest.files.count == 1 && !manifest.isWrong && file.state == .matches)
        #expect(file.sha256 == fixture.sha256 && file.bytes == 3_000_000 && file.origin == "https://example.invalid/tiny.gguf")
        #expect(store.list().installed.first?.isVerified == true)

        // Changed under the same length and time, which the record of earlier checksums cannot see.
        let date = try #require(try FileManager.default.attributesOfItem(atPath: fixture.path)[.modificationDate] as? Date)
        var bytes = fixture.bytes
        bytes[1_234_567] ^= 1
        try put(bytes, fixture.path)
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: fixture.path)
        let changed = try store.manifest(of: ["tiny"])
        #expect(changed.isWrong && changed.files.first?.state == .differs && changed.files.first?.origin == nil)
        #expect(store.list().installed.first?.isVerified == false)
    }

    @Test func otherFilesHaveNoOrigin() throws {
        let fixture = try HubFixture(count: 10)
        let store = try fixture.store(url: nil)
        try put(fixture.bytes, fixture.path)
        try put([1, 2, 3], "\(fixture.directory)/store/tiny/notes.txt")
        try put([1], "\(fixture.directory)/store/tiny/more.part")
        try put([4], "\(fixture.directory)/store/own/a.gguf")
        let manifest = try store.manifest()
        #expect(
            manifest.files.map { "\($0.model)/\($0.name) \($0.state)" } == [
                "own/a.gguf unlisted", "tiny/tiny.gguf matches", "tiny/notes.txt unlisted",
            ])
        #expect(!manifest.isWrong && manifest.files.allSatisfy { $0.origin == nil && $0.sha256?.count == 64 })
        #expect(manifest.json["files"]?.array?.first?["origin"]?.string == "unknown")
        #expect(try store.manifest(of: ["own", "own"]).files.count == 1)
    }

    @Test func whatIsMissingIsWrong() throws {
        let fixture = try HubFixture(count: 10)
        let store = try fixture.store(url: "https://example.invalid/x")
        try fixture.leavePart([1, 2])
        let manifest = try store.manifest()
        #expect(manifest.isWrong && manifest.files.map(\.state) == [.missing] && manifest.files[0].sha256 == nil)
        #expect(manifest.files[0].expected == fixture.sha256)
        expectError(.notFound, "'nonsense' is not installed", "tiny") { try store.manifest(of: ["nonsense"]) }
    }
}
