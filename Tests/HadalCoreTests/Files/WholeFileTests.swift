import Foundation
import HadalCore
import TestSupport
import Testing

@Suite("Whole files") struct WholeFileTests {
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test("what is written is read, replaces what was there, and leaves nothing beside it", arguments: [false, true])
    func written(durable: Bool) throws {
        try inFolder { folder in
            let path = "\(folder)/a/b/file"
            #expect(!WholeFile.exists(path) && WholeFile.read(path, limit: 10) == nil)
            for bytes in [[UInt8](1...9), [], [UInt8](repeating: 7, count: 3 << 20)] {
                try WholeFile.write(bytes, to: path, durable: durable)
                #expect(WholeFile.exists(path) && WholeFile.read(path, limit: bytes.count) == bytes)
                #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/a/b") == ["file"])
            }
            #expect(WholeFile.read(path, limit: (3 << 20) - 1) == nil)
        }
    }

    @Test("what is kept for later runs is the user's alone")
    func modes() throws {
        try inFolder { folder in
            try WholeFile.write([1], to: "\(folder)/own/file")
            #expect(try mode("\(folder)/own/file") == 0o600 && mode("\(folder)/own") == 0o700)
            try WholeFile.write([1], to: "\(folder)/all/file", for: .everyone)
            let mask = umask(0)
            umask(mask)
            #expect(try mode("\(folder)/all/file") == 0o644 & ~Int(mask) && mode("\(folder)/all") == 0o755 & ~Int(mask))
        }
    }

    @Test("only regular files are files")
    func others() throws {
        try inFolder { folder in
            #expect(!WholeFile.exists(folder) && WholeFile.read(folder, limit: 100) == nil)
            mkfifo("\(folder)/pipe", 0o600)
            // Opening it for reading would wait for a writer.
            #expect(!WholeFile.exists("\(folder)/pipe") && WholeFile.read("\(folder)/pipe", limit: 100) == nil)
        }
    }

    @Test("what cannot be written is said with its place, and nothing is left")
    func failures() throws {
        try inFolder { folder in
            try WholeFile.write([1], to: "\(folder)/file")
            let below = #expect(throws: HadalError.self) { try WholeFile.write([1], to: "\(folder)/file/x/y") }
            #expect(below?.code == .io && below?.place == SourcePlace("\(folder)/file/x"))
            try FileManager.default.createDirectory(atPath: "\(folder)/directory", withIntermediateDirectories: false)
            let onto = #expect(throws: HadalError.self) { try WholeFile.write([1], to: "\(folder)/directory") }
            #expect(onto?.code == .io && onto?.place == SourcePlace("\(folder)/directory"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["directory", "file"])
        }
    }

    @Test("a file that is not committed was never there")
    func dropped() throws {
        try inFolder { folder in
            try WholeFile.write([1, 2], to: "\(folder)/file")
            func begin() throws -> Int {
                let file = try AtomicFile(path: "\(folder)/file")
                try file.write([UInt8](repeating: 3, count: 2 << 20))
                return try FileManager.default.contentsOfDirectory(atPath: folder).count
            }
            #expect(try begin() == 2)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
            #expect(WholeFile.read("\(folder)/file", limit: 10) == [1, 2])
        }
    }

    @Test("directories that are there already are no failure")
    func directories() throws {
        try inFolder { folder in
            for _ in 0..<2 { try WholeFile.makeDirectories("\(folder)/a/b/c", for: .owner) }
            var isDirectory: ObjCBool = false
            #expect(FileManager.default.fileExists(atPath: "\(folder)/a/b/c", isDirectory: &isDirectory) && isDirectory.boolValue)
        }
    }

    @Test("files of the system have no length, and are read all the same")
    func system() throws {
        let status = try #require(SystemFile.text("/proc/self/status"))
        #expect(status.hasPrefix("Name:") && status.contains("\nPid:\t\(getpid())\n"))
        #expect(SystemFile.text("/proc/self/nosuch") == nil)
    }
}
