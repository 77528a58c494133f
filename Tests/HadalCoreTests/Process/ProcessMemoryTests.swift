import Foundation
import Testing

@testable import HadalCore

@Suite("Memory of this process")
struct ProcessMemoryTests {
    @Test("the peak is that of this program, not of the one that started it")
    func peak() throws {
        #expect(ProcessMemory.highWaterMark(in: "Name:\thadal\nVmPeak:\t  900 kB\nVmHWM:\t   123456 kB\nVmRSS:\t 5 kB\n") == 123456 * 1024)
        #expect(ProcessMemory.highWaterMark(in: "Name:\thadal\n") == nil)
        #if os(Linux)
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            #expect(try #require(ProcessMemory.highWaterMark(in: status)) <= ProcessMemory.peakBytes)
        #endif
    }
}
