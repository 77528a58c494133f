import Foundation
import TestSupport
import Testing

/// What happens when results cannot be written.
@Suite("Output", .serialized)
struct OutputTests {
    private static let llama = Fixtures.path("models/llama")
    static let commands: [[String]] = [
        ["--help"], ["--version"], ["run", "--help"], ["help", "bench"], ["models"], ["models", "--json"], ["backends"], ["arch", "list"],
        ["arch", "show", "llama"],
        ["inspect", llama], ["plan", llama, "--backend", "reference"],
        ["generate-ids", llama, "--tokens", "1", "-n", "2", "--backend", "reference"],
        ["kernels", "list", "linear", "--backend", "reference"],
    ]

    /// Runs a command in a shell that redirects it.
    private func shell(_ arguments: [String], _ redirection: String) throws -> CommandRun {
        try CommandRun(["-c", "exec \"$0\" \"$@\" \(redirection)", CommandRun.executable] + arguments, executable: "/bin/sh")
    }

    #if os(Linux)
        @Test("a full disk is an error", arguments: commands)
        func full(_ arguments: [String]) throws {
            let run = try shell(arguments, "> /dev/full")
            #expect(
                run.status == 1 && run.error == "hadal: cannot write to stdout: No space left on device\n", "\(run.status) \(run.error)")
        }
    #endif

    @Test("a closed stdout is an error", arguments: commands)
    func closed(_ arguments: [String]) throws {
        let run = try shell(arguments, ">&-")
        #expect(run.status == 1 && run.error == "hadal: cannot write to stdout: Bad file descriptor\n", "\(run.status) \(run.error)")
    }

    @Test("a closed stdout is not taken by a file that is opened later")
    func closedButUnused() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let arguments = ["logits", Self.llama, "--tokens", "1,2", "--backend", "reference", "-o"]
        let closed = try shell(arguments + ["\(folder)/a"], "<&- >&- 2>&-")
        let usual = try CommandRun(arguments + ["\(folder)/b"])
        #expect(closed.status == 0 && usual.status == 0, "\(usual.error)")
        #expect(FileManager.default.contents(atPath: "\(folder)/a") == FileManager.default.contents(atPath: "\(folder)/b"))
    }

    @Test("a reader that went away ends the program without a word")
    func reader() throws {
        // It has gone before anything is written.
        let pipe = try CommandRun(
            ["-c", "exec 3>&2; { sleep 0.3; \"$0\" arch show llama 2>&3; echo \"status $?\" >&3; } | true", CommandRun.executable],
            executable: "/bin/sh")
        #expect(pipe.error == "status 1\n", "\(pipe.error)")
    }

    @Test("a closed or full stderr changes nothing", arguments: ["2>&-", "2> /dev/full"])
    func errors(_ redirection: String) throws {
        let arguments = ["generate-ids", Self.llama, "--tokens", "1", "-n", "2", "--backend", "example", "--fallback", "warn"]
        let run = try shell(arguments, redirection)
        #expect(try run.status == 0 && run.out == CommandRun(arguments).out)
        #expect(try shell(["run", "no.gguf", "-p", "x"], redirection).status == 1)
    }

    @Test("a pipe that does not block is waited for")
    func nonBlocking() throws {
        let arguments = ["inspect", Self.llama, "--json", "--tensors"]
        let pipe = Pipe()
        let writer = pipe.fileHandleForWriting.fileDescriptor
        #expect(fcntl(writer, F_SETFL, fcntl(writer, F_GETFL) | O_NONBLOCK) == 0)
        #if os(Linux)
            // As small as it gets, so that it fills up.
            let setPipeSize: Int32 = 1031
            _ = fcntl(writer, setPipeSize, 4096)
        #endif
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandRun.executable)
        process.arguments = arguments
        process.standardOutput = pipe
        try process.run()
        try pipe.fileHandleForWriting.close()
        Thread.sleep(forTimeInterval: 0.5)
        let out = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(try process.terminationStatus == 0 && out.count > 4096 && out == Data(CommandRun(arguments).out.utf8))
    }
}
