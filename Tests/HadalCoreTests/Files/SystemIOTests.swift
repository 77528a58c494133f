import Foundation
import HadalCore
import TestSupport
import Testing

@Suite("Reading and writing descriptors") struct SystemIOTests {
    @Test("an exact read gives the bytes at the offset, or says that the file ends")
    func exact() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/f"))
        let file = open("\(folder)/f", O_RDONLY)
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 1000)
        func read(_ offset: UInt64, _ count: Int, needed: Int? = nil) -> SystemIO.ReadEnd {
            buffer.withUnsafeMutableBytes { target in
                target.baseAddress.map { SystemIO.read(file, at: offset, into: $0, count: count, needed: needed) } ?? .endOfFile
            }
        }
        #expect(read(5000, 1000) == .complete)
        #expect(buffer[...] == bytes[5000..<6000])
        // No read moves the place of another.
        #expect(read(0, 3) == .complete)
        #expect(buffer[..<3] == bytes[..<3])
        #expect(read(99_500, 1000) == .endOfFile)
        #expect(read(200_000, 1) == .endOfFile)
        #expect(read(.max, 1) == .endOfFile)
        #expect(read(99_500, 1000, needed: 500) == .complete)
        #expect(buffer[..<500] == bytes[99_500...])
        #expect(read(200_000, 0) == .complete)
        var byte: UInt8 = 0
        let failed = SystemIO.read(-1, at: 0, into: &byte, count: 1)
        #expect(failed == .failed(EBADF) && failed.reason == String(cString: strerror(EBADF)))
    }

    @Test("all that comes through a pipe is read, up to the limit", arguments: [0, 1, 70_000, 300_000])
    func all(count: Int) throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        // More than a pipe holds is written in pieces.
        let thread = try #require(
            SystemThread(name: "writer") {
                #expect(bytes.withUnsafeBytes { SystemIO.write($0, to: writer) })
                close(writer)
            })
        let limit = min(count, 200_000)
        #expect(SystemIO.readAll(reader, limit: limit) == Array(bytes[..<limit]))
        #expect(SystemIO.readAll(reader, limit: .max) == Array(bytes[limit...]))
        thread.join()
        close(reader)
        #expect(SystemIO.readAll(-1, limit: 1) == nil)
        #expect([UInt8(0)].withUnsafeBytes { SystemIO.write($0, to: -1) } == false)
    }

    /// A handler that does not restart system calls makes them fail with EINTR.
    @Test("a signal in between is no failure")
    func interrupted() throws {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        var before = sigaction()
        sigaction(SIGURG, &action, &before)
        defer { sigaction(SIGURG, &before, nil) }
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        let main = Monitor<pthread_t?>(nil)
        let result = Monitor<[UInt8]?>(nil)
        let thread = try #require(
            SystemThread(name: "reader") {
                main.update { $0 = pthread_self() }
                let bytes = SystemIO.readAll(reader, limit: 100)
                result.withLock { $0 = bytes }
            })
        let handle = try #require(main.wait(until: { $0 != nil }) { $0 })
        for _ in 0..<50 {
            pthread_kill(handle, SIGURG)
            usleep(1000)
        }
        #expect([UInt8](1...5).withUnsafeBytes { SystemIO.write($0, to: writer) })
        close(writer)
        thread.join()
        close(reader)
        #expect(result.withLock { $0 } == [1, 2, 3, 4, 5])
    }
}
