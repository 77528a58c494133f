import Foundation
#if canImport(Glibc)
    import Glibc
#endif

/// A small HTTP/1.1 server on 127.0.0.1 that answers as a test tells it to.
final class LoopbackServer: @unchecked Sendable {
    struct Request: Sendable {
        var path: String
        /// By lower-case name.
        var headers: [String: String]

        /// The first byte asked for by `Range: bytes=N-`.
        var rangeStart: Int? { headers["range"].flatMap { $0.hasPrefix("bytes=") ? Int($0.dropFirst(6).dropLast()) : nil } }
    }

    struct Response: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        var body: [UInt8] = []
        /// What Content-Length claims; nil: the body's length.
        var claimedLength: Int?
        /// The connection is closed after so many bytes of the body.
        var cutAfter: Int?
        /// Sends only this much until the condition ends.
        var stall: (after: Int, during: @Sendable () -> Bool)?
    }

    let port: UInt16
    private let listener: Int32
    private let handler: @Sendable (Request) -> Response
    private let lock = NSLock()
    private var seen: [Request] = []

    var requests: [Request] { lock.withLock { seen } }

    init(_ handler: @escaping @Sendable (Request) -> Response) throws {
        self.handler = handler
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = self.listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard listener >= 0, bound else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        let thread = Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                guard let self else {
                    close(connection)
                    return
                }
                Thread { self.serve(connection) }.start()
            }
        }
        thread.start()
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        guard let request = Self.read(connection) else { return }
        lock.withLock { seen.append(request) }
        let response = handler(request)
        var head = "HTTP/1.1 \(response.status) Status\r\nConnection: close\r\n"
        head += "Content-Length: \(response.claimedLength ?? response.body.count)\r\n"
        for (name, value) in response.headers { head += "\(name): \(value)\r\n" }
        guard Self.send(Array((head + "\r\n").utf8), connection) else { return }
        let body = response.body.prefix(response.cutAfter ?? response.body.count)
        let first = min(response.stall?.after ?? body.count, body.count)
        guard Self.send(Array(body[..<first]), connection) else { return }
        if let stall = response.stall { while stall.during() { Thread.sleep(forTimeInterval: 0.005) } }
        guard Self.send(Array(body[first...]), connection) else { return }
        shutdown(connection, Int32(SHUT_WR))
    }

    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0, bytes.count < 65_536 else { return nil }
            bytes += buffer[..<count]
        }
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let words = lines[0].split(separator: " ")
        return words.count >= 2 ? Request(path: String(words[1]), headers: headers) : nil
    }

    private static func send(_ bytes: [UInt8], _ connection: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}

extension LoopbackServer.Response {
    /// A file, with ranges when they are asked for and `If-Range` allows them.
    static func file(_ bytes: [UInt8], etag: String? = "\"v1\"", for request: LoopbackServer.Request) -> Self {
        var headers = [("Accept-Ranges", "bytes")]
        if let etag { headers.append(("ETag", etag)) }
        guard let start = request.rangeStart, request.headers["if-range"] == nil || request.headers["if-range"] == etag else {
            return Self(headers: headers, body: bytes)
        }
        guard start < bytes.count else { return Self(status: 416, headers: [("Content-Range", "bytes */\(bytes.count)")]) }
        headers.append(("Content-Range", "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"))
        return Self(status: 206, headers: headers, body: Array(bytes[start...]))
    }
}
