import Foundation
import HadalCore
import Testing

@Suite("Child processes") struct ChildProcessTests {
    private let shell = "/bin/sh"

    @Test("what a program prints, and how it ends")
    func ends() throws {
        let result = try ChildProcess.run(shell, ["-c", "echo out; echo err >&2; exit 3"])
        #expect(
            result.end == .exited(3) && !result.succeeded && result.text == "out\n"
                && String(decoding: result.errors, as: UTF8.self) == "err\n")
        #expect(try ChildProcess.run(shell, ["-c", "echo one; echo two >&2"], merged: true).text == "one\ntwo\n")
        #expect(try ChildProcess.run(shell, ["-c", "kill -SEGV $$"]).end == .signalled(11))
        #expect(try ChildProcess.run(shell, ["-c", "true"]).succeeded)
    }

    @Test("arguments arrive as they are, input is empty, and the environment is this process's")
    func surroundings() throws {
        let script = "printf '%s|' \"$@\"; cat; printf '%s' \"$PATH\""
        let result = try ChildProcess.run(shell, ["-c", script, "name", "a b", "", "$x", "é"])
        #expect(result.text == "a b||$x|é|" + (ProcessInfo.processInfo.environment["PATH"] ?? ""))
    }

    /// What the shell has started would keep the pipes open for a minute.
    @Test("what takes too long is ended with all that it started")
    func timeout() throws {
        let start = MonotonicClock.seconds
        let result = try ChildProcess.run(shell, ["-c", "echo early; sleep 60 & sleep 60"], seconds: 0.3)
        #expect(result.end == .timedOut && result.text == "early\n" && MonotonicClock.seconds - start < 30)
    }

    @Test("more than a pipe holds, on both pipes")
    func much() throws {
        let script = "i=0; while [ $i -lt 3000 ]; do echo $i aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; echo $i >&2; i=$((i+1)); done"
        let result = try ChildProcess.run(shell, ["-c", script])
        #expect(result.succeeded && result.text.hasSuffix("2999 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n") && result.errors.count > 10_000)
    }

    @Test("output beyond the limit is dropped, and the program goes on to its end")
    func limit() throws {
        let bytes = ChildProcess.outputLimit + 100_000
        let result = try ChildProcess.run(shell, ["-c", "head -c \(bytes) /dev/zero; exit 4"])
        #expect(result.end == .exited(4) && result.output.count == ChildProcess.outputLimit)
    }

    @Test("a program that cannot be started is named")
    func missing() {
        let error = #expect(throws: HadalError.self) { try ChildProcess.run("/nonexistent/program", []) }
        #expect(error?.code == .io && error?.place == SourcePlace("/nonexistent/program"))
    }

    @Test("programs are found on the search path; a name with a slash is a path")
    func find() {
        #expect(ChildProcess.find(["no-such-program-at-all", "sh"])?.hasSuffix("/sh") == true)
        #expect(ChildProcess.find(["/bin/sh"]) == "/bin/sh" && ChildProcess.find(["/bin/no-such-program"]) == nil)
        // A directory is no program, though it may be searched.
        #expect(ChildProcess.find(["/bin/../bin"]) == nil)
    }
}
