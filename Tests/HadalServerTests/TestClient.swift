import Foundation
import HadalCore
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// What came back.
struct TestResponse {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: String

    func json() throws -> JSON { try JSONDocument(parsing: body, file: "response").root }

    /// The events of a stream: name, if any, and data.
    var events: [(name: String?, data: String)] {
        body.components(separatedBy: "\n\n").compactMap { block in
            var name: String?, data: String?
            for line in block.split(separator: "\n") {
                if line.hasPrefix("event: ") { name = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { data = String(line.dropFirst(6)) }
            }
            return data.map { (name, $0) }
        }
    }

    func eventValues() throws -> [JSON] {
        try events.filter { $0.data != "[DONE]" }.map { try JSONDocument(parsing: $0.data, file: "event").root }
    }
}

/// A connection that sends what it is told to, right or wrong.
final class TestConnection {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        try #require(result == 0)
        // A test that waits for ever says less than one that fails.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }

    /// Waits for some bytes; empty at the end.
    func receive() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer.prefix(count)) : []
    }
}

/// Makes requests, a connection each.
struct TestClient {
    let port: Int

    func request(_ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]) throws -> TestResponse {
        let connection = try TestConnection(port: port)
        connection.send(Self.head(method, path, length: body?.utf8.count, headers, port) + (body ?? ""))
        var bytes: [UInt8] = []
        while true {
            let more = connection.receive()
            if more.isEmpty { break }
            bytes += more
        }
        return try Self.parse(bytes)
    }

    func get(_ path: String, headers: [String: String] = [:]) throws -> TestResponse { try request("GET", path, headers: headers) }
    func post(_ path: String, _ body: String, headers: [String: String] = [:]) throws -> TestResponse {
        try request("POST", path, body, headers: headers)
    }

    static func head(_ method: String, _ path: String, length: Int?, _ headers: [String: String], _ port: Int) -> String {
        var all = ["Host": "127.0.0.1:\(port)", "Connection": "close"]
        if let length { all["Content-Length"] = String(length) }
        for (name, value) in headers { all[name] = value }
        return "\(method) \(path) HTTP/1.1\r\n" + all.map { "\($0.key): \($0.value)\r\n" }.joined() + "\r\n"
    }

    private static func parse(_ bytes: [UInt8]) throws -> TestResponse {
        let text = String(decoding: bytes, as: UTF8.self)
        let split = try #require(text.range(of: "\r\n\r\n"), "no response: \(text.prefix(200))")
        let lines = text[..<split.lowerBound].components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        var body = String(text[split.upperBound...])
        if headers["transfer-encoding"] == "chunked" { body = unchunked(Array(body.utf8)) }
        return TestResponse(status: status, headers: headers, body: body)
    }

    private static func unchunked(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = [], rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0D), let size = Int(String(decoding: rest[rest.startIndex..<end], as: UTF8.self), radix: 16),
            size > 0
        {
            let start = end + 2
            guard start + size <= rest.endIndex else { break }
            out += rest[start..<(start + size)]
            rest = rest.dropFirst(start + size + 2 - rest.startIndex)
        }
        return String(decoding: out, as: UTF8.self)
    }
}
