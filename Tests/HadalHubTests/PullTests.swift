import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalHub

@Suite struct PullTests {
    @Test func wholeFileArrivesAndIsVerified() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let server = try LoopbackServer { .file(bytes, for: $0) }
        defer { server.stop() }
        let seen = Shared<[PullProgress]>([])
        let model = try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options) { p in
            seen.change { $0.append(p) }
        }
        #expect(fixture.installed() == bytes)
        #expect(model.path == fixture.path && model.isVerified && model.state == .complete && model.bytes == bytes.count)
        #expect(fixture.partial() == nil)
        #expect(seen.value.last?.bytes == bytes.count && seen.value.last?.phase == .downloading)
        #expect(seen.value.map(\.bytes) == seen.value.map(\.bytes).sorted())
        #expect(server.requests.count == 1 && server.requests[0].headers["range"] == nil)

        // The second time nothing is fetched, nor even read.
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(server.requests.count == 1)
    }

    @Test func aCutConnectionIsResumed() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let server = try LoopbackServer { request in
            var response = LoopbackServer.Response.file(bytes, for: request)
            if request.rangeStart == nil { response.cutAfter = 100_000 }
            return response
        }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        let requests = server.requests
        #expect(requests.count == 2)
        #expect(requests.last?.headers["range"] == "bytes=100000-")
        #expect(requests.last?.headers["if-range"] == "\"v1\"")
    }

    @Test func aPartOfAnEarlierRunIsResumed() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        try fixture.leavePart(Array(bytes.prefix(123_456)))
        let server = try LoopbackServer { .file(bytes, for: $0) }
        defer { server.stop() }
        let seen = Shared<[PullProgress]>([])
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options) { p in seen.change { $0.append(p) } }
        #expect(fixture.installed() == bytes)
        #expect(server.requests.map { $0.headers["range"] } == ["bytes=123456-"])
        #expect(seen.value.first?.resumedFrom == 123_456)
    }

    @Test func brokenForGoodLeavesAPartThatNeverResolves() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let server = try LoopbackServer { request in
            var response = LoopbackServer.Response.file(bytes, for: request)
            response.cutAfter = (request.rangeStart ?? 0) < 100_000 ? 60_000 : 0
            return response
        }
        defer { server.stop() }
        let store = try fixture.store(url: server.url("/m"))
        let error = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(error?.code == .io)
        #expect(error?.message.contains("120000 of 300000") == true)
        #expect(fixture.partial() == Array(bytes.prefix(120_000)))
        #expect(fixture.installed() == nil)
        expectError(.notFound, "120000 of 300000") { try store.resolve("tiny") }
        expectError(.invalidArgument, fixture.part) { try store.resolve(fixture.part) }
        #expect(store.list().installed.map(\.state) == [.partial])
    }

    @Test func aServerWithoutRangesStartsOver() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        try fixture.leavePart(Array(repeating: 7, count: 50_000))
        let server = try LoopbackServer { _ in LoopbackServer.Response(body: bytes) }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.count == 1)
    }

    @Test func aChangedFileIsNotMixedWithTheOldPart() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let store = fixture
        // The first version breaks off; the server then has the right one under another tag.
        let broken = try LoopbackServer { request in
            var response = LoopbackServer.Response.file(Array(repeating: 9, count: bytes.count), etag: "\"old\"", for: request)
            response.cutAfter = 70_000
            return response
        }
        _ = await hadalError {
            try await store.store(url: broken.url("/m")).pull("tiny", options: PullOptions(retries: 0, retryDelay: 0, idleTimeout: 10))
        }
        broken.stop()
        let server = try LoopbackServer { .file(bytes, etag: "\"new\"", for: $0) }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.map { $0.headers["if-range"] } == ["\"old\""])
    }

    @Test func aBadPartWithNoTagCostsOneFreshStart() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        try fixture.leavePart(Array(repeating: 3, count: 50_000))
        let server = try LoopbackServer { .file(bytes, etag: nil, for: $0) }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.map(\.rangeStart) == [50_000, nil])
    }

    @Test(arguments: [300_000, 300_001, 400_000])
    func aPartThatIsAlreadyAsLongAsTheFile(count: Int) async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        try fixture.leavePart(Array((bytes + bytes).prefix(count)))
        let server = try LoopbackServer { .file(bytes, for: $0) }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.count == (count == bytes.count ? 0 : 1))
    }

    @Test func aWrongChecksumDeletesTheFile() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let server = try LoopbackServer { .file(bytes, for: $0) }
        defer { server.stop() }
        let wrong = String(repeating: "0", count: 64)
        let store = try fixture.store(url: server.url("/m"), sha256: wrong)
        let error = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains(fixture.sha256) == true && error?.message.contains(wrong) == true)
        #expect(fixture.installed() == nil && fixture.partial() == nil)
        #expect(server.requests.count == 1)
    }

    @Test func anInstalledFileThatWasDamagedIsFetchedAgain() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let server = try LoopbackServer { .file(bytes, for: $0) }
        defer { server.stop() }
        let store = try fixture.store(url: server.url("/m"))
        try await store.pull("tiny", options: HubFixture.options)
        var damaged = bytes
        damaged[1000] ^= 1
        try Data(damaged).write(to: URL(fileURLWithPath: fixture.path))
        #expect(store.list().installed.map(\.isVerified) == [false])
        expectError(.corrupt, fixture.path) { try store.verify("tiny") }
        try await store.pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
    }
}
