import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalHub

@Suite struct StoreTests {
    @Test func theBuiltInCatalogueIsSound() throws {
        let catalogue = try ModelCatalogue.builtIn()
        let smollm = try #require(catalogue["smollm2"])
        #expect(smollm.files.map(\.name) == ["SmolLM2-135M-Instruct.Q4_1.gguf"])
        #expect(smollm.isFetchable && smollm.licence == "Apache-2.0")
        for entry in catalogue.entries {
            #expect(entry.isFetchable || entry.obtain != nil)
            for file in entry.files { #expect(file.url.map { $0.hasPrefix("https://") && $0.hasSuffix(file.name) } ?? true) }
        }
        #expect(catalogue["deepseek-r1-1.5b"]?.sampling == RecommendedSampling(temperature: 0.6, topP: 0.95))
        #expect(catalogue.json.array?.count == catalogue.entries.count)
    }

    @Test func theScriptThatFetchesTheDefaultModelAgreesWithTheCatalogue() throws {
        let script = try String(contentsOfFile: "\(Fixtures.repository)/.ci/fetch-default-model", encoding: .utf8)
        let file = try #require(try ModelCatalogue.builtIn()["smollm2"]?.files.first)
        #expect(script.contains("sha256=\(file.sha256)\n") && script.contains("name=\(file.name)\n"))
    }

    @Test func storeDirectoryFollowsTheEnvironment() throws {
        func directory(_ environment: [String: String]) throws -> String { try ModelStore.defaultDirectory { environment[$0] } }
        #expect(try directory(["HADAL_MODELS": "/a/b/", "XDG_DATA_HOME": "/x", "HOME": "/h"]) == "/a/b")
        #expect(try directory(["HADAL_MODELS": "", "XDG_DATA_HOME": "/x", "HOME": "/h"]) == "/x/hadal/models")
        #expect(try directory(["XDG_DATA_HOME": "relative", "HOME": "/h"]) == "/h/.local/share/hadal/models")
        expectError(.notFound, "HADAL_MODELS") { try directory([:]) }
    }

    @Test func namesPathsAndDirectoriesResolve() throws {
        let fixture = try HubFixture(count: 100)
        let store = try fixture.store(url: "https://127.0.0.1/x")
        let manager = FileManager.default
        func put(_ path: String, _ count: Int = 4) throws {
            let path = "\(fixture.directory)/\(path)"
            try manager.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(repeating: 1, count: count).write(to: URL(fileURLWithPath: path))
        }
        func place(_ path: String) -> String { "\(fixture.directory)/\(path)" }

        #expect(try store.resolve(fixture.source) == fixture.source)
        let notInstalled = expectError(.notFound, "'tiny'") { try store.resolve("tiny") }
        #expect(notInstalled?.hint == [.action(.pull("tiny"))])
        let unknown = expectError(.notFound, "'nonsense'", "tiny") { try store.resolve("nonsense") }
        #expect(unknown?.hint?.steps.contains(.action(.pull(nil))) == true)
        expectError(.notFound, "'../store/tiny'") { try store.resolve("../store/tiny") }
        expectError(.invalidArgument, "name of a model is empty") { try store.resolve("") }

        try put("store/tiny/tiny.gguf", 99)
        expectError(.corrupt, "99 bytes") { try store.resolve("tiny") }
        #expect(store.list().installed.map(\.state) == [.wrongLength])
        try put("store/tiny/tiny.gguf", 100)
        #expect(try store.resolve("tiny") == fixture.path)

        // A model that a user put in, and a split one, and a Hugging Face directory.
        try put("store/own/a.gguf")
        try put("store/own/b.gguf.part")
        #expect(try store.resolve("own") == place("store/own/a.gguf"))
        try put("store/split/m-00001-of-00002.gguf")
        try put("store/split/m-00002-of-00002.gguf")
        #expect(try store.resolve("split") == place("store/split/m-00001-of-00002.gguf"))
        try put("store/hf/config.json")
        #expect(try store.resolve("hf") == place("store/hf"))
        try put("store/two/a.gguf")
        try put("store/two/b.gguf")
        expectError(.invalidArgument, "2 GGUF models are in this directory") { try store.resolve("two") }
        #expect(try store.resolve(place("store/own")) == place("store/own/a.gguf"))
        #expect(store.list().installed.map(\.name) == ["hf", "own", "split", "tiny"])
        #expect(store.list().available.isEmpty)
    }

    @Test func aModelThatWasPutInByHandIsVerifiedOnDemand() async throws {
        let fixture = try HubFixture()
        let store = try fixture.store(url: nil)
        #expect(store.list().available.map(\.name) == ["tiny"])
        try FileManager.default.createDirectory(atPath: "\(fixture.directory)/store/tiny", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: fixture.source, toPath: fixture.path)
        #expect(store.list().installed.map(\.isVerified) == [false])
        #expect(try store.verify("tiny").isVerified)
        #expect(store.list().installed.map(\.isVerified) == [true])
        #expect(store.list().json["installed"]?.array?.first?["verified"]?.bool == true)
        // pull has nothing to do, and needs no address for it.
        #expect(try await store.pull("tiny").isVerified)
    }

    @Test func aLocalFileTakesThePlaceOfADownload() async throws {
        let fixture = try HubFixture()
        let store = try fixture.store(url: nil)
        let none = await hadalError { try await store.pull("tiny") }
        #expect(none?.hint?.steps.first == .action(.pullFromFile("tiny")))
        let model = try await store.pull("tiny", from: fixture.source)
        #expect(model.isVerified && fixture.installed() == fixture.bytes)

        let other = try HubFixture(seed: 2)
        let otherStore = try other.store(url: nil)
        let wrong = await hadalError { try await otherStore.pull("tiny", from: fixture.source) }
        #expect(wrong?.code == .corrupt)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(other.directory)/store/tiny").filter { !$0.hasPrefix(".lock") } == [])
        try Data([1, 2]).write(to: URL(fileURLWithPath: "\(other.directory)/short"))
        let short = await hadalError { try await otherStore.pull("tiny", from: "\(other.directory)/short") }
        #expect(short?.code == .mismatch)
        let absent = await hadalError { try await otherStore.pull("tiny", from: "/nonexistent") }
        #expect(absent?.code == .notFound)
    }

    @Test func anUnknownNameListsTheKnownOnes() async throws {
        let fixture = try HubFixture(count: 10)
        let store = try fixture.store(url: nil)
        let error = await hadalError { try await store.pull("tinny") }
        #expect(error?.code == .notFound)
        #expect(error?.hint?.description.contains("tiny") == true)
        #expect(!FileManager.default.fileExists(atPath: "\(fixture.directory)/store/tinny"))
    }

    @Test func moreThanTheDiskHoldsIsRefusedBeforeTheFirstByte() async throws {
        let fixture = try HubFixture(count: 10)
        let store = try fixture.store(url: "http://127.0.0.1:9/x", bytes: 1 << 60)
        let error = await hadalError { try await store.pull("tiny") }
        #expect(error?.message.contains("free") == true)
    }

    @Test func theUsersCatalogueIsMergedOver() throws {
        let fixture = try HubFixture(count: 10)
        let own = """
            {"hadal": "catalogue/1", "models": {"gemma3-270m": null, "mine": {"description": "d", "licence": "MIT", "files": [
              {"name": "m.gguf", "bytes": 3, "sha256": "\(String(repeating: "AB", count: 32))", "url": "http://example.invalid/m.gguf"}]}}}
            """
        try own.write(toFile: "\(fixture.directory)/catalogue.json", atomically: true, encoding: .utf8)
        let store = try ModelStore(directory: fixture.directory)
        #expect(store.catalogue["mine"]?.files[0].sha256 == String(repeating: "ab", count: 32))
        #expect(store.catalogue["gemma3-270m"] == nil && store.catalogue["smollm2"] != nil)
    }

    @Test(arguments: [
        #"{"hadal": "catalogue/2", "models": {}}"#,
        #"{"hadal": "catalogue/1", "models": {"../x": {"description": "d", "licence": "l", "files": []}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "files": []}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "files": [{"name": "../y", "bytes": 1, "sha256": "S"}]}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "files": [{"name": "y.part", "bytes": 1, "sha256": "S"}]}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "files": [{"name": "y", "bytes": 1}]}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "files": [{"name": "y", "bytes": 1, "sha256": "12"}]}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "files": [{"name": "y", "bytes": 0, "sha256": "S"}]}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "files": [{"name": "y", "bytes": 1, "sha256": "S", "url": "file:///y"}]}}}"#,
        #"{"hadal": "catalogue/1", "models": {"x": {"description": "d", "licence": "l", "colour": 1, "files": []}}}"#,
    ])
    func aCatalogueThatIsWrongIsRefusedWithItsPlace(text: String) throws {
        var catalogue = ModelCatalogue()
        let text = text.replacingOccurrences(of: "\"S\"", with: "\"\(String(repeating: "0", count: 64))\"")
        let document = try JSONDocument(parsing: text, file: "own.json")
        let code: HadalError.Code = text.contains("catalogue/2") ? .unsupported : .malformed
        expectError(code, "own.json:1:") { try catalogue.merge(document) }
    }

    @Test func checksumsAreTheStandards() throws {
        let fixture = try HubFixture(count: 10)
        // FIPS 180-4's example "abc", and the empty message.
        for (text, digest) in [
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ] {
            let path = "\(fixture.directory)/text"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try FileChecksum.ofFile(path) == digest)
        }
    }
}
