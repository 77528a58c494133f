import Foundation
import HadalCore
import TestSupport
import Testing

@Suite("Files past the page cache") struct DirectFileTests {
    @Test("ranges inside the file are read whole, wherever they begin, and others not at all")
    func ranges() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = 3 * 4096 + 100
        try Data(repeating: 5, count: bytes).write(to: URL(fileURLWithPath: "\(folder)/f"))
        let descriptor = open("\(folder)/f", O_RDONLY)
        defer { close(descriptor) }
        let file = DirectFile(descriptor: descriptor, most: bytes)
        for (offset, count) in [(0, bytes), (1, 10), (4095, 2), (4096, 4096), (bytes - 1, 1)] {
            #expect(file.read(offset: offset, count: count) == count, "\(count) at \(offset)")
        }
        #expect(file.read(offset: bytes - 1, count: 2) == 0 && file.read(offset: 2 * bytes, count: 1) == 0)
        #expect(file.read(offset: -1, count: 1) == 0 && file.read(offset: 0, count: 0) == 0)
        // The caller's descriptor stays open, and where it was.
        #expect(lseek(descriptor, 0, SEEK_CUR) == 0)
    }
}
