import Foundation
import GRDB
import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Several processes, and processes that are killed")
struct ProcessTests {
    /// Ends this process after a while as a power failure would.
    private static func kill(after milliseconds: UInt32) {
        let thread = Thread {
            usleep(milliseconds * 1000)
            Foundation.kill(getpid(), SIGKILL)
        }
        thread.start()
    }

    @Test("no word is in any file when a process that writes was killed", arguments: [0, 1, 2, 3, 4, 5])
    func killed(_ round: Int) async throws {
        let fixture = try HistoryFixture()
        try fixture.history.changePassphrase(from: nil, to: "p")
        try fixture.history.add("before", ["kept"])
        let (directory, delay) = (fixture.directory, 30 + round * 35)
        await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String, delay = delay as Int] in
            let history = HistoryFixture.open(directory)
            try history.unlock("p")
            ProcessTests.kill(after: UInt32(delay))
            var number = 0
            while true {
                number += 1
                let text = String(repeating: "geheimwort ", count: 2000)
                let conversation = try history.add("geheimtitel", [text, text, text])
                _ = try history.titles("geheimwort")
                if number % 3 == 0 { try history.delete(conversation.id) }
            }
        }
        #expect(try fixture.files(with: "geheim") == [])
        let history = fixture.reopened()
        try history.unlock("p")
        #expect(history.status.report == nil)
        #expect(try history.titles("kept") == ["before"])
        for item in try history.exportAll().items where item.conversation.title != "before" {
            #expect([0, 3].contains(item.messages.count))
        }
    }

    @Test("a process that is killed while it sets a passphrase leaves the old history or the new one", arguments: [0, 1, 2, 3, 4, 5])
    func killedWhileReplacing(_ round: Int) async throws {
        let fixture = try HistoryFixture()
        for number in 0..<30 { try fixture.history.add("t\(number)", [String(repeating: "klartext ", count: 2000)]) }
        let archive = try fixture.history.exportAll()
        let (directory, delay) = (fixture.directory, 5 + round * 25)
        await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String, delay = delay as Int] in
            let history = HistoryFixture.open(directory)
            ProcessTests.kill(after: UInt32(delay))
            var old: String?
            while true {
                for new in ["p", "q"] {
                    try history.changePassphrase(from: old, to: new)
                    old = new
                }
            }
        }
        let history = fixture.reopened()
        #expect(history.status.report == nil)
        if history.status.hasPassphrase {
            if (try? history.unlock("p")) == nil { try history.unlock("q") }
            #expect(try fixture.files(with: "klartext") == [])
        }
        #expect(try history.exportAll() == archive)
        #expect(FileIdentity(path: fixture.files.replacement) == nil)
    }

    @Test("processes that write at once wait for each other")
    func writers() async throws {
        let fixture = try HistoryFixture()
        let shared = try fixture.history.add("shared", ["root"])
        let (directory, id) = (fixture.directory, shared.id)
        func write(_ name: String) async {
            await #expect(processExitsWith: .success) { [directory = directory as String, id = id as String, name = name as String] in
                let history = HistoryFixture.open(directory)
                for number in 0..<40 {
                    let message = HistoryMessage(parent: nil, role: .user, content: "\(name) \(number)")
                    try history.append([message], to: id)
                    if number % 10 == 0 { try history.delete(try history.add("gone \(name)", ["x"]).id) }
                }
            }
        }
        async let one: Void = write("one")
        async let two: Void = write("two")
        _ = await (one, two)
        let contents = try fixture.history.content(of: shared.id).messages.map(\.content)
        #expect(contents.count == 81)
        for name in ["one", "two"] {
            #expect(contents.filter { $0.hasPrefix(name) } == (0..<40).map { "\(name) \($0)" })
        }
        #expect(try fixture.history.titles() == ["shared"])
    }

    @Test("a passphrase that one process sets while another writes loses nothing, and locks the other")
    func replacedWhileWriting() async throws {
        let fixture = try HistoryFixture()
        let shared = try fixture.history.add("shared", ["root"])
        let (directory, id) = (fixture.directory, shared.id)
        async let writer: Void = {
            await #expect(processExitsWith: .success) { [directory = directory as String, id = id as String] in
                let history = HistoryFixture.open(directory)
                var written = 0
                do {
                    while true {
                        try history.append([HistoryMessage(parent: nil, role: .user, content: "\(written)")], to: id)
                        written += 1
                    }
                } catch HistoryAccessError.locked {
                    // Each one that was written before is there.
                    try history.unlock("p")
                    let contents = try history.content(of: id).messages.map(\.content)
                    guard contents == ["root"] + (0..<written).map(String.init) else { exit(1) }
                    exit(written > 0 ? 0 : 2)
                }
            }
        }()
        while try fixture.history.content(of: id).messages.count < 4 { try await Task.sleep(for: .milliseconds(5)) }
        try fixture.history.changePassphrase(from: nil, to: "p")
        await writer
        #expect(try fixture.history.titles() == ["shared"])
    }

    @Test("processes that open a damaged history at once keep it aside once")
    func opening() async throws {
        let fixture = try HistoryFixture()
        try Data("no database at all".utf8).write(to: URL(fileURLWithPath: fixture.files.database))
        // All at once: longer than a process takes to start.
        let (directory, start) = (fixture.directory, HistoryClock.now + 3)
        func open() async {
            await #expect(processExitsWith: .success) { [directory = directory as String, start = start as Double] in
                while HistoryClock.now < start { usleep(200) }
                try HistoryFixture.open(directory).add("t", ["x"])
            }
        }
        async let one: Void = open()
        async let two: Void = open()
        async let three: Void = open()
        _ = await (one, two, three)
        #expect(fixture.files.damaged.count == 1)
        #expect(try fixture.history.titles().count == 3)
    }

    @Test("who opens or replaces a history waits for another that does, but not for ever")
    func waiting() throws {
        let fixture = try HistoryFixture()
        try fixture.history.add("t", ["x"])
        do {
            let lock = try DirectoryLock(fixture.directory, seconds: 1)
            defer { withExtendedLifetime(lock) {} }
            let other = HistoryFixture.open(fixture.directory, timeout: 0.2)
            expectError(.io, "another process", fixture.directory) { try other.conversations() }
            // One that is open already reads and writes.
            #expect(try fixture.history.titles() == ["t"])
        }
        #expect(try HistoryFixture.open(fixture.directory, timeout: 0.2).titles() == ["t"])
    }
}
