import Foundation
import HadalCore
import TestSupport
import Testing

/// There is no telemetry: what could send some is listed, and there is nothing that is not.
@Suite("Places that can open a connection")
struct KnownPlacesTests {
    private static let code: Set = ["swift", "c", "h", "cc", "cpp", "hpp", "m", "mm", "s", "S", "comp", "glsl", "modulemap"]
    private static let page: Set = ["html", "js", "mjs", "css", "svg"]
    /// Files that nothing runs.
    private static let data: Set = [
        "json", "txt", "md", "spv", "png", "ico", "webmanifest", "woff2", "sql", "gitignore", "py", "def", "jinja", "sh",
    ]

    @Test("all of them are known, and all that are known are there")
    func tree() throws {
        var found: [String: [String: Int]] = [:]
        for path in try ConnectionScanner.files(below: ["Sources", "Plugins", "kernels", "packaging"], in: Fixtures.repository) {
            let kind = (path as NSString).pathExtension
            guard Self.code.contains(kind) || Self.page.contains(kind) else {
                #expect(Self.data.contains(kind) || !path.hasPrefix("Sources/"), "\(path): is it code?")
                continue
            }
            let text = try String(decoding: Data(contentsOf: URL(fileURLWithPath: "\(Fixtures.repository)/\(path)")), as: UTF8.self)
            let counts = try ConnectionScanner.counts(
                in: text, Self.page.contains(kind) ? ConnectionScanner.page : ConnectionScanner.sources)
            if !counts.isEmpty { found[path] = counts }
        }
        #expect(found.count >= 10)
        for (path, counts) in found.sorted(by: { $0.key < $1.key }) {
            for (rule, count) in counts.sorted(by: { $0.key < $1.key }) {
                let place = KnownPlaces.all.first { known in
                    known.rule == rule && (known.path == path || (known.count == nil && path.hasPrefix(known.path)))
                }
                #expect(
                    place != nil && (place?.count ?? count) == count,
                    "\(path) matches the rule '\(rule)' \(count) times; KnownPlaces has \(place?.count.map(String.init) ?? "nothing"). Can it open a connection?"
                )
            }
        }
        for known in KnownPlaces.all where known.count != nil {
            #expect(found[known.path]?[known.rule] != nil, "\(known.path) no longer matches '\(known.rule)'")
        }
    }

    @Test(
        "what opens a connection is found, however it is written",
        arguments: [
            "let s = socket(AF_INET, 1, 0)", "Glibc.socket (2, 1, 0)", "connect\n  (s, &address, 16)", "let call = Glibc.connect",
            "dlsym(handle, \"connect\")", "`connect`(s, a, 16)", "syscall(41, 2, 1, 0)", "import FoundationNetworking",
            "let data = try Data(contentsOf: URL(string: text)!)", "import NIOCore", "import struct NIOCore.ByteBuffer",
            "import Hummingbird",
            "ClientBootstrap(group: group)", "let task = Process()", "try ChildProcess.run(\"/usr/bin/ssh\", [])", "system(\"curl x\")",
            "popen(\"nc\", \"r\")", "// socket(2, 1, 0)", "execve(path, a, e)", "io_uring_setup(8, &p)", "getaddrinfo(\"host\", 0, 0, &r)",
            "sendmsg(s, &m, 0)", "dlopen(\"libcurl.so.4\", 1)", "hadal_sandbox_call(41, 2, 1, 0, 0, 0, 0)", "asm(\"int $0x80\")",
        ])
    func hits(text: String) throws { #expect(try !ConnectionScanner.counts(in: text, ConnectionScanner.sources).isEmpty) }

    @Test(
        "so is a page that leads elsewhere",
        arguments: [
            "<script src=\"https://cdn.example/x.js\">", "url(//example.org/f.woff)", "new WebSocket(u)", "fetch (u)", "import('x')",
        ])
    func pageHits(text: String) throws { #expect(try !ConnectionScanner.counts(in: text, ConnectionScanner.page).isEmpty) }

    @Test(
        "other code is not",
        arguments: [
            "let session = session.fork()", "list.insert(.system(system), at: 0)", "func fork(contextLength: Int)", "the socket is open",
            "disconnect()", "URL(fileURLWithPath: path)", "Processors.cores",
        ])
    func misses(text: String) throws { #expect(try ConnectionScanner.counts(in: text, ConnectionScanner.sources).isEmpty) }

    @Test("packages of others are those that are known")
    func packages() throws {
        let text = try String(contentsOfFile: "\(Fixtures.repository)/Package.swift", encoding: .utf8)
        let names = text.components(separatedBy: ".product(name: \"").dropFirst().compactMap {
            $0.split(separator: "\"").first.map(String.init)
        }
        #expect(Set(names) == Set(KnownPlaces.products.keys))
    }

    private static let nm = ChildProcess.find(["nm", "llvm-nm"])

    @Test("plugins need no function of the network from other libraries", .enabled(if: nm != nil, "needs nm"))
    func symbols() throws {
        let nm = try #require(Self.nm)
        let plugins = try FileManager.default.contentsOfDirectory(atPath: Fixtures.products).filter {
            $0.hasPrefix("libhadal-") && $0.hasSuffix(".so")
        }
        #expect(plugins.contains("libhadal-cpu.so"))
        let network: Set = [
            "socket", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg", "getaddrinfo", "gethostbyname",
            "system",
            "popen", "io_uring_setup", "curl_easy_init",
        ]
        for plugin in plugins {
            let listing = try ChildProcess.run(nm, ["-D", "-u", "\(Fixtures.products)/\(plugin)"])
            #expect(listing.succeeded, "\(plugin)")
            // `U name@VERSION`
            let names = listing.text.split(separator: "\n").compactMap { line in
                line.split(separator: " ").last?.split(separator: "@").first.map(String.init)
            }
            #expect(!names.isEmpty && network.isDisjoint(with: names), "\(plugin): \(network.intersection(names))")
            // Foundation's program runner opens sockets.
            #expect(!names.contains { $0.contains("20FoundationNetworking") || $0.hasPrefix("$s10Foundation7ProcessC") }, "\(plugin)")
        }
    }
}
