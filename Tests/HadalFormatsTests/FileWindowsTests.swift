import Foundation
@testable import HadalFormats
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Files larger than the address space has room for.
struct FileWindowsTests {
    @Test func windowsShowTheFile() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/file"
        let head = 128 << 20
        // Sparse: the interesting bytes lie behind what is mapped as the beginning.
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        let count = head + 100_000
        try #require(ftruncate(descriptor, off_t(count)) == 0)
        let pattern = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try #require(pwrite(descriptor, pattern, pattern.count, off_t(head + 20_000)) == pattern.count)
        try #require(pwrite(descriptor, [1, 2, 3] as [UInt8], 3, 0) == 3)

        let windows = try FileWindows(path: path, descriptor: descriptor, count: count)
        #expect(windows.head == 0..<head && Array(windows.headBytes.prefix(3)) == [1, 2, 3])
        let range = head + 20_001..<head + 60_000
        let first = try windows.bytes(range)
        #expect(Array(first) == Array(pattern[1..<40_000]))
        #expect(try windows.bytes(range).baseAddress == first.baseAddress)
        #expect(FileWindows.copy(head + 20_000..<head + 20_005, of: windows.descriptor) == [0, 7, 14, 21, 28])
        #expect(try Array(windows.bytes(0..<3)) == [1, 2, 3])
        #expect(try windows.bytes(head - 2..<head + 2).count == 4)
        #expect(try windows.bytes(5..<5).isEmpty)
        windows.discard(range)
        #expect(try Array(windows.bytes(range)) == Array(pattern[1..<40_000]))
    }
}
