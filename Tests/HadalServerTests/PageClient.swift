import Foundation
import HadalCore
import Testing

/// Requests of a page that has logged in.
struct PageClient {
    let server: TestServer
    let cookie: String

    init(_ server: TestServer) throws {
        self.server = server
        let answer = try server.client.post("/hadal/login", #"{"token": "\#(server.token)"}"#)
        cookie = try #require(answer.headers["set-cookie"]?.split(separator: ";").first.map { String($0) }, "\(answer)")
    }

    func send(_ method: String, _ path: String, _ body: String? = nil) throws -> TestResponse {
        try server.client.request(method, "/hadal" + path, body, headers: ["Cookie": cookie])
    }

    @discardableResult
    func request(_ method: String, _ path: String, _ body: String? = nil) throws -> TestResponse {
        let response = try send(method, path, body)
        #expect(response.status < 300, "\(method) \(path): \(response.status) \(response.body)")
        return response
    }

    func create(isTemporary: Bool = false) throws -> String {
        let body = #"{"title": "t", "settings": {"temperature": 0, "max_tokens": 300}, "temporary": \#(isTemporary)}"#
        return try #require(try request("POST", "/conversations", body).json()["id"]?.string)
    }

    /// Asks, waits for the answer, and gives its tokens that were found in the cache.
    @discardableResult
    func ask(_ text: String, in id: String, parent: String? = nil) throws -> (cached: Int, answer: String) {
        let parent = parent.map { ", \"parent\": \"\($0)\"" } ?? ""
        let body = #"{"role": "user", "content": "\#(text)", "answer": true\#(parent)}"#
        let answer = try #require(try request("POST", "/conversations/\(id)/messages", body).json()["answer"]?["id"]?.string)
        let limit = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < limit {
            let messages = try request("GET", "/conversations/\(id)").json()["messages"]?.array ?? []
            if let message = messages.first(where: { $0["id"]?.string == answer }), message["state"]?.string != "streaming" {
                #expect(message["state"]?.string == "complete", "\(message.text())")
                return (message["figures"]?["cached_tokens"]?.int ?? 0, answer)
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
        Issue.record("no answer")
        return (0, answer)
    }
}
