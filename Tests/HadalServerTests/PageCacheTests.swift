import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalServer

/// What the chat page's conversations leave in a cache directory.
@Suite("Conversations of the page in the cache on disk", .serialized)
struct PageCacheTests {
    /// Longer than a block of the cache, whose tokens are its bytes.
    private static let secret = String(repeating: "my secret is a blue heron, and ", count: 8)

    /// The files below a folder that hold some of the secret, as text or as tokens, and the blocks there.
    private func files(in folder: String) throws -> (withSecret: [String], blocks: [String]) {
        let text = Array("secret is a blue heron".utf8)
        let tokens = text.flatMap { withUnsafeBytes(of: Int32($0).littleEndian, Array.init) }
        var (found, blocks): ([String], [String]) = ([], [])
        for case let name as String in FileManager.default.enumerator(atPath: folder) ?? FileManager.DirectoryEnumerator() {
            guard name != "model.gguf", let bytes = FileManager.default.contents(atPath: "\(folder)/\(name)").map({ Array($0) }) else {
                continue
            }
            if [text, tokens].contains(where: { TextSearch.first(of: $0, in: bytes, from: 0) != nil }) { found.append(name) }
            if name.hasSuffix(".block") || name.hasSuffix(".sealed") { blocks.append(name) }
        }
        return (found, blocks)
    }

    private func wait(for condition: () throws -> Bool) throws -> Bool {
        let limit = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < limit {
            if try condition() { return true }
            Thread.sleep(forTimeInterval: 0.05)
        }
        return false
    }

    private func arguments(_ folder: String) -> [String] { ["--cache-dir", "\(folder)/cache"] }

    @Test("are removed with a conversation, and those of a temporary one are never there")
    func deleting() async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await TestServer.with(hasPage: true, arguments: arguments(folder), in: folder) { server in
            let page = try PageClient(server)
            try page.ask(Self.secret, in: try page.create(isTemporary: true))
            let (first, second) = (try page.create(), try page.create())
            try page.ask(Self.secret, in: first)
            #expect(try wait { try files(in: folder).blocks.count >= 3 })
            let before = Set(try files(in: folder).blocks)
            let (cached, _) = try page.ask(Self.secret, in: second)
            #expect(cached == 0, "conversations share blocks")
            #expect(try wait { try files(in: folder).blocks.count >= 2 * before.count })
            #expect(try files(in: folder).withSecret.contains { $0.hasSuffix(".block") })
            try page.request("DELETE", "/conversations/\(first)")
            let after = try files(in: folder).blocks
            #expect(!after.isEmpty && before.isDisjoint(with: after))
            try page.request("DELETE", "/conversations")
            #expect(try files(in: folder).blocks.isEmpty)
            #expect(try files(in: folder).withSecret.isEmpty)
        }
    }

    @Test("are sealed by a passphrase, found again after a kill, and nowhere in plain")
    func passphrase() async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let id = Mailbox(""), answer = Mailbox("")
        try await TestServer.with(hasPage: true, arguments: arguments(folder), in: folder) { server in
            let page = try PageClient(server)
            id.value = try page.create()
            try page.ask("Plain. " + Self.secret, in: id.value)
            #expect(try wait { try files(in: folder).withSecret.contains { $0.hasSuffix(".block") } })
            try page.request("PUT", "/history/passphrase", #"{"current": null, "new": "open sesame"}"#)
            #expect(try files(in: folder) == ([], []))
            answer.value = try page.ask(Self.secret, in: id.value).answer
            #expect(try wait { try files(in: folder).blocks.count >= 3 })
            kill(server.processID, SIGKILL)
        }
        #expect(try files(in: folder).withSecret.isEmpty)
        #expect(try files(in: folder).blocks.allSatisfy { $0.hasSuffix(".sealed") })

        try "open sesame\n".write(toFile: "\(folder)/passphrase", atomically: true, encoding: .utf8)
        let unlocked = arguments(folder) + ["--history-passphrase-file", "\(folder)/passphrase"]
        try await TestServer.with(hasPage: true, arguments: unlocked, in: folder) { server in
            let page = try PageClient(server)
            #expect(try page.ask("And then?", in: id.value, parent: answer.value).cached >= 128)
            try page.request("POST", "/history/lock")
            let locked = try server.client.request(
                "POST", "/hadal/conversations/\(id.value)/answers", #"{"parent": "\#(answer.value)"}"#, headers: ["Cookie": page.cookie])
            #expect(locked.status == 403)
            try page.request("POST", "/history/unlock", #"{"passphrase": "open sesame"}"#)
            try page.request("PUT", "/history/passphrase", #"{"current": "open sesame", "new": "another"}"#)
            #expect(try files(in: folder) == ([], []))
            #expect(try page.ask("And now?", in: id.value, parent: answer.value).cached == 0)
            #expect(try wait { try !files(in: folder).blocks.isEmpty })
            try page.request("DELETE", "/conversations/\(id.value)")
            #expect(try files(in: folder) == ([], []))
        }
    }
}
