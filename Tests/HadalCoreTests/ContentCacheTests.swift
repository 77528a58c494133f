import Foundation
import HadalCore
import TestSupport
import Testing

@Suite struct ContentCacheTests {
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
}
