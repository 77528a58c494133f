import Foundation
import HadalCore
import TestSupport
import Testing

@Suite struct ContentCacheTests {
    /// The examples of FIPS 180-4, and a million letters in uneven parts.
    @Test func hashesAreThoseOfTheStandard() {
        func hash(_ text: String) -> String { SHA256.hexadecimal(SHA256.hash(Array(text.utf8))) }
        #expect(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        var long = SHA256()
        var left = 1_000_000, part = 1
        while left > 0 {
            long.combine([UInt8](repeating: UInt8(ascii: "a"), count: min(part, left)))
            left -= min(part, left)
            part = part % 130 + 1
        }
        #expect(SHA256.hexadecimal(long.finish()) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func whatWasChangedOrCutIsNoEntry() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let cache = ContentCache(directory: "\(folder)/a/b")
        #expect(cache.content("k") == nil)
        let content = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try cache.store("k", content)
        #expect(cache.content("k") == content)
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.directory) == ["k"])
        let whole = try Data(contentsOf: URL(fileURLWithPath: cache.path("k")))
        #expect(whole.prefix(1000).elementsEqual(content))
        for position in [0, 500, 999, 1000, 1031, whole.count - 1] {
            var broken = whole
            broken[position] ^= 1
            try broken.write(to: URL(fileURLWithPath: cache.path("k")))
            #expect(cache.content("k") == nil, "byte \(position)")
        }
        for length in [0, 7, 40, 999, whole.count - 1] {
            try whole.prefix(length).write(to: URL(fileURLWithPath: cache.path("k")))
            #expect(cache.content("k") == nil, "\(length) bytes")
        }
        try cache.store("k", [])
        #expect(cache.content("k") == [])
    }

    @Test func programsEndInEveryWay() throws {
        let shell = "/bin/sh"
        let good = try ChildProcess.run(shell, ["-c", "echo out; echo err >&2; exit 3"])
        #expect(good.end == .exited(3) && good.text == "out\n" && String(decoding: good.errors, as: UTF8.self) == "err\n" && !good.succeeded)
        #expect(try ChildProcess.run(shell, ["-c", "echo one; echo two >&2"], merged: true).text == "one\ntwo\n")
        #expect(try ChildProcess.run(shell, ["-c", "kill -SEGV $$"]).end == .signalled(11))
        #expect(try ChildProcess.run(shell, ["-c", "sleep 60 & sleep 60"], seconds: 0.2).end == .timedOut)
        // More than a pipe holds, on both.
        let much = try ChildProcess.run(shell, ["-c", "i=0; while [ $i -lt 3000 ]; do echo $i aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; echo $i >&2; i=$((i+1)); done"])
        #expect(much.succeeded && much.text.hasSuffix("2999 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n") && much.errors.count > 10_000)
        #expect(throws: HadalError.self) { try ChildProcess.run("/nonexistent/program", []) }
        #expect(ChildProcess.find(["no-such-program-at-all", "sh"])?.hasSuffix("/sh") == true && ChildProcess.find(["/bin/sh"]) == "/bin/sh")
    }
}
