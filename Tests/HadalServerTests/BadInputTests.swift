import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalServer

/// Requests, clients and disks that are not as they should be: the server says so, and goes on.
@Suite("Bad input to a server", .serialized)
struct BadInputTests {
    private static let messages = #""messages": [{"role": "user", "content": "a"}], "temperature": 0"#

    @Test("huge and negative limits are taken as far as there is room, or refused by name")
    func limits() async throws {
        try await TestServer.with { server in
            let client = server.client
            let huge = "9223372036854775807", beyond = "92233720368547758070"
            func status(_ path: String, _ body: String) throws -> Int { try client.post(path, body).status }
            for field in ["max_tokens", "max_completion_tokens", "top_k"] {
                #expect(try status("/v1/chat/completions", "{\(Self.messages), \"\(field)\": \(huge)}") == 200, "\(field)")
            }
            for field in [
                "\"max_tokens\": \(beyond)", "\"max_tokens\": -1", "\"max_tokens\": 0", "\"max_tokens\": 1.5", "\"max_tokens\": \"9\"",
                "\"n\": \(huge)", "\"n\": 9", "\"n\": -1", "\"top_k\": -2", "\"top_p\": 1e300", "\"temperature\": 1e400", "\"seed\": 1e30",
                "\"logprobs\": true, \"top_logprobs\": \(huge)", "\"logit_bias\": {\"\(huge)\": 1}", "\"presence_penalty\": -1e308",
                "\"thinking\": {\"type\": \"enabled\", \"budget_tokens\": -1}", "\"repeat_penalty\": 0",
            ] {
                let refused = try client.post(
                    "/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \(field)}")
                #expect(refused.status == 400, "\(field): \(refused.status) \(refused.body)")
            }
            let budget = #"{\#(Self.messages), "max_tokens": 20, "thinking": {"type": "enabled", "budget_tokens": \#(huge)}}"#
            #expect(try status("/v1/chat/completions", budget) == 200 && status("/v1/messages", budget) == 200)
            #expect(try status("/v1/messages", "{\(Self.messages), \"max_tokens\": \(huge)}") == 200)
            #expect(try status("/v1/completions", #"{"prompt": "\n", "max_tokens": \#(huge)}"#) == 200)
            #expect(try status("/v1/responses", #"{"input": "a", "max_output_tokens": \#(huge)}"#) == 200)
            for predict in [huge, "-1", "-2", "0"] {
                let body =
                    "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"options\": {\"num_predict\": \(predict), \"num_ctx\": \(huge)}}"
                #expect(try status("/api/chat", body) == 200, "\(predict)")
            }
            #expect(try status("/detokenize", #"{"tokens": [\#(huge)]}"#) == 400 && status("/detokenize", #"{"tokens": [-1]}"#) == 400)
            #expect(try status("/v1/completions", #"{"prompt": [\#(huge)]}"#) == 400)
            #expect(try status("/v1/completions", #"{"prompt": [2147483647]}"#) == 400)
            #expect(try client.get("/v1/models", headers: ["Content-Length": "99999999999999999999"]).status == 400)
            #expect(try status("/v1/chat/completions", "{\(Self.messages), \"max_tokens\": 2}") == 200)
        }
    }

    @Test("a request that breaks off is the client's fault")
    func brokenOff() async throws {
        try await TestServer.with { server in
            var connection: TestConnection? = try TestConnection(port: server.port)
            connection?.send(TestClient.head("POST", "/v1/chat/completions", length: 1000, [:], server.port) + "{\"messages\"")
            Thread.sleep(forTimeInterval: 0.2)
            connection = nil
            let limit = ContinuousClock.now + .seconds(30)
            func responses(_ status: Int) throws -> Bool { try server.client.get("/metrics").body.contains("status=\"\(status)\"") }
            while try !responses(400), try !responses(500), ContinuousClock.now < limit { Thread.sleep(forTimeInterval: 0.05) }
            #expect(try responses(400) && !responses(500))
        }
    }

    @Test("a damaged history is kept aside, byte by byte, and another begins")
    func damagedHistory() async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let garbage = Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 * 31) })
        try FileManager.default.createDirectory(atPath: "\(folder)/history", withIntermediateDirectories: true)
        try garbage.write(to: URL(fileURLWithPath: "\(folder)/history/history.sqlite"))
        try await TestServer.with(hasPage: true, in: folder) { server in
            let page = try PageClient(server)
            let state = try page.request("GET", "/state").json()["history"]
            #expect(state?["available"]?.bool == true && state?["problem"]?.string?.contains("damaged") == true, "\(state?.text() ?? "")")
            _ = try page.create()
            let kept = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/history").filter { $0.contains("damaged") }
            #expect(kept.count == 1)
            #expect(try FileManager.default.contents(atPath: "\(folder)/history/\(#require(kept.first))") == garbage)
            #expect(server.log.contains("damaged"))
        }
    }

    @Test(
        "on a full disk conversations are refused whole, and models answer", .enabled(if: TinyDisk.isPossible, "needs the right to mount"))
    func fullDisk() async throws {
        let disk = try TestDisk()
        defer { disk.end() }
        try await TestServer.with(hasPage: true, arguments: ["--cache-dir", "\(disk.folder)/history/cache"], in: disk.folder) { server in
            let page = try PageClient(server), id = try page.create()
            let large = String(repeating: "y", count: 400_000)
            let full = try page.send("POST", "/conversations/\(id)/messages", "{\"role\": \"user\", \"content\": \"\(large)\"}")
            #expect(full.status == 500 && full.body.contains("disk is full"), "\(full.status) \(full.body)")
            #expect(try page.request("GET", "/conversations/\(id)").json()["messages"]?.array?.isEmpty == true)
            #expect(try server.client.post("/v1/chat/completions", "{\(Self.messages), \"max_tokens\": 2}").status == 200)
            try page.request("POST", "/conversations/\(id)/messages", #"{"role": "user", "content": "short"}"#)
            #expect(!server.log.contains("yyyy"))
        }
    }

    @Test(
        "where nothing can be written the history can be read, and models answer",
        .enabled(if: TinyDisk.isPossible, "needs the right to mount"), arguments: [false, true])
    func readOnlyDisk(isOffline: Bool) async throws {
        let disk = try TestDisk(), id = Mailbox("")
        defer { disk.end() }
        try await TestServer.with(hasPage: true, in: disk.folder) { id.value = try PageClient($0).create() }
        #expect(disk.disk.setReadOnly(true))
        try await TestServer.with(hasPage: true, arguments: isOffline ? ["--offline"] : [], in: disk.folder) { server in
            let page = try PageClient(server)
            let state = try page.request("GET", "/state").json()
            #expect(state["history"]?["problem"]?.string?.contains("can only be read") == true, "\(state.text())")
            #expect(try page.request("GET", "/conversations/\(id.value)").json()["id"]?.string == id.value)
            let refused = try page.send("DELETE", "/conversations/\(id.value)")
            #expect(refused.status == 500 && refused.body.contains("can only be read"), "\(refused.body)")
            #expect(try server.client.post("/v1/chat/completions", "{\(Self.messages), \"max_tokens\": 2}").status == 200)
            if isOffline { #expect(try server.client.get("/health").body.contains(#""sealed": true"#)) }
        }
    }

    /// A small disk with the history of a server.
    private struct TestDisk {
        let folder: String
        let disk: TinyDisk

        init() throws {
            folder = try Fixtures.temporaryDirectory()
            disk = try TinyDisk(on: "\(folder)/history")
        }

        func end() {
            disk.unmount()
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    /// Some of what `packaging/disconnects.py` does; run on its own it makes 2,000 requests of a real model, and measures memory.
    @Test("clients that go away, do not read, or are killed leave nothing behind")
    func disconnects() async throws {
        let model = ScriptedModel.thinker()
        try await TestServer.with(model) { server in
            guard let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first(where: FileManager.default.isExecutableFile) else {
                return print("no python3: skipped")
            }
            let process = Process(), out = Pipe()
            process.executableURL = URL(fileURLWithPath: python)
            process.arguments = [
                "\(Fixtures.repository)/packaging/disconnects.py", "--hadal", "\(Fixtures.products)/hadal", "--model",
                "\(server.folder)/model.gguf", "--requests", "160", "--growth", "10",
            ]
            (process.standardOutput, process.standardError) = (out, out)
            try process.run()
            let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0 && text.contains("160 requests over 16 connections"), "\(text)")
        }
    }
}
