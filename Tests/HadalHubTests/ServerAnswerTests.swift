import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalHub

@Suite struct ServerAnswerTests {
    @Test(arguments: [(404, HadalError.Code.notFound), (410, .notFound), (403, .io), (401, .io), (304, .io)])
    func refusalsNameTheAddressAndAreNotRetried(status: Int, code: HadalError.Code) async throws {
        let fixture = try HubFixture()
        let server = try LoopbackServer { _ in LoopbackServer.Response(status: status, body: []) }
        defer { server.stop() }
        let store = try fixture.store(url: server.url("/m"))
        let error = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(error?.code == code)
        #expect(error?.description.contains(server.url("/m")) == true && error?.description.contains("\(status)") == true)
        #expect(server.requests.count == 1)
        #expect(fixture.installed() == nil)
    }

    @Test func anOverloadedServerIsAskedAgain() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let count = Shared(0)
        let server = try LoopbackServer { request in
            count.change {
                $0 += 1; return $0
            } < 3 ? LoopbackServer.Response(status: 503) : .file(bytes, for: request)
        }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.count == 3)
    }

    @Test(arguments: [302, 307, 308])
    func redirectsAreFollowedWithTheRange(status: Int) async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        try fixture.leavePart(Array(bytes.prefix(1000)))
        let server = try LoopbackServer { request in
            request.path == "/m"
                ? LoopbackServer.Response(status: status, headers: [("Location", "/elsewhere")]) : .file(bytes, for: request)
        }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.map(\.path) == ["/m", "/elsewhere"])
        #expect(server.requests.last?.rangeStart == 1000)
    }

    @Test func aRedirectLoopEnds() async throws {
        let fixture = try HubFixture()
        let server = try LoopbackServer { _ in LoopbackServer.Response(status: 302, headers: [("Location", "/m")]) }
        defer { server.stop() }
        let store = try fixture.store(url: server.url("/m"))
        let error = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(error?.code == .io)
        #expect(error?.message.contains("redirects") == true)
        #expect(server.requests.count <= 12)
    }

    @Test(arguments: ["file://localhost/etc/passwd", "ftp://127.0.0.1/x"])
    func aRedirectOutOfHTTPIsRefused(location: String) async throws {
        let fixture = try HubFixture()
        let server = try LoopbackServer { _ in LoopbackServer.Response(status: 302, headers: [("Location", location)]) }
        defer { server.stop() }
        let store = try fixture.store(url: server.url("/m"))
        let error = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(error?.code == .io)
        #expect(server.requests.count == 1)
        #expect(fixture.installed() == nil)
    }

    @Test(arguments: [299_999, 300_001])
    func aFileOfAnotherLengthIsRefusedAtItsHeader(length: Int) async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let server = try LoopbackServer { _ in LoopbackServer.Response(body: Array((bytes + [0]).prefix(length))) }
        defer { server.stop() }
        let store = try fixture.store(url: server.url("/m"))
        let error = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(error?.code == .mismatch)
        #expect(error?.message.contains("\(length)") == true && error?.message.contains("300000") == true)
        #expect(fixture.installed() == nil)
        #expect(server.requests.count == 1)
    }

    @Test func aRangeThatWasNotAskedForIsNotAppended() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        try fixture.leavePart(Array(bytes.prefix(1000)))
        let server = try LoopbackServer { request in
            guard request.rangeStart != nil else { return .file(bytes, for: request) }
            return LoopbackServer.Response(
                status: 206, headers: [("Content-Range", "bytes 500-\(bytes.count - 1)/\(bytes.count)")], body: Array(bytes[500...]))
        }
        defer { server.stop() }
        try await fixture.store(url: server.url("/m")).pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.map(\.rangeStart) == [1000, nil])
    }

    @Test func anUnreachableHostSaysSoWithTheAddress() async throws {
        let fixture = try HubFixture()
        // Nothing listens on port 1, and no other test's server will be given it.
        let url = "http://127.0.0.1:1/m"
        let store = try fixture.store(url: url)
        let error = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(error?.code == .io)
        #expect(error?.description.contains(url) == true)
        #expect(error?.hint?.description.contains("network") == true)
    }

    @Test func cancellationKeepsThePartAndTheNextPullGoesOn() async throws {
        let fixture = try HubFixture()
        let bytes = fixture.bytes
        let stalled = Shared(true)
        let server = try LoopbackServer { request in
            var response = LoopbackServer.Response.file(bytes, for: request)
            response.stall = (after: 24_000, during: { stalled.value })
            return response
        }
        defer {
            stalled.change { $0 = false }
            server.stop()
        }
        let store = try fixture.store(url: server.url("/m"))
        let pull = Task { try await store.pull("tiny", options: HubFixture.options) }
        while (fixture.partial()?.count ?? 0) < 20_000 { try await Task.sleep(for: .milliseconds(5)) }
        // Nobody else may pull it meanwhile.
        let busy = await hadalError { try await store.pull("tiny", options: HubFixture.options) }
        #expect(busy?.message.contains("another process") == true)
        pull.cancel()
        let error = await hadalError { _ = try await pull.value }
        #expect(error?.code == .cancelled)
        let count = fixture.partial()?.count ?? 0
        #expect(count >= 20_000 && count < bytes.count)
        stalled.change { $0 = false }
        try await store.pull("tiny", options: HubFixture.options)
        #expect(fixture.installed() == bytes)
        #expect(server.requests.last?.rangeStart == count)
    }
}
