import CHadalSystem
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program that is run to its end, with what it prints.
package struct ChildProcess: Sendable {
    package enum End: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
        /// It was ended because it took too long.
        case timedOut
    }

    package var end: End
    /// stdout and stderr, at most `outputLimit` bytes of each. With `merged`, all of it is in `output`.
    package var output: [UInt8]
    package var errors: [UInt8]
    package static let outputLimit = 4 << 20

    package var text: String { String(decoding: output, as: UTF8.self) }
    package var succeeded: Bool { end == .exited(0) }

    /// Runs `path` with `arguments` (its own name left out), without input and with this process's environment.
    ///
    /// - Parameters:
    ///   - merged: whether stderr goes where stdout goes.
    ///   - seconds: after so long the program is killed.
    /// - Throws: `io` when it cannot be started.
    package static func run(_ path: String, _ arguments: [String], merged: Bool = false, seconds: Double = 120) throws -> ChildProcess {
        var (out, error) = (Pipe(), Pipe())
        defer {
            out.close()
            error.close()
        }
        guard out.open(), merged || error.open() else { throw HadalError(.io, "cannot make a pipe: \(String(cString: strerror(errno)))") }
        let process = try start(path, arguments, out, merged ? nil : error)
        out.closeWriter()
        error.closeWriter()
        var result = ChildProcess(end: .timedOut, output: [], errors: [])
        let deadline = MonotonicClock.seconds + seconds
        // Both pipes end when the program and all that it started have ended, or closed them.
        var isOpen = [true, !merged]
        while isOpen[0] || isOpen[1] {
            let left = deadline - MonotonicClock.seconds
            guard left > 0 else { break }
            var polls = [
                pollfd(fd: isOpen[0] ? out.reader : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isOpen[1] ? error.reader : -1, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&polls, 2, Int32(min(left, 1) * 1000) + 1)
            if ready < 0, errno != EINTR { break }
            guard ready > 0 else { continue }
            for index in 0..<2 where polls[index].revents != 0 {
                var buffer = [UInt8](repeating: 0, count: 65536)
                let got = read(index == 0 ? out.reader : error.reader, &buffer, buffer.count)
                if got <= 0 {
                    if got < 0, errno == EINTR { continue }
                    isOpen[index] = false
                    continue
                }
                if index == 0 {
                    result.output += buffer[..<min(got, outputLimit - result.output.count)]
                } else {
                    result.errors += buffer[..<min(got, outputLimit - result.errors.count)]
                }
            }
        }
        result.end = wait(process, until: deadline)
        return result
    }

    /// Reaps the program; kills it when the time is over.
    private static func wait(_ process: pid_t, until deadline: Double) -> End {
        var status: Int32 = 0
        while true {
            let got = waitpid(process, &status, WNOHANG)
            if got == process { break }
            if got < 0, errno != EINTR { return .exited(-1) }
            guard MonotonicClock.seconds < deadline else {
                kill(-process, SIGKILL)
                while waitpid(process, &status, 0) < 0, errno == EINTR {}
                return .timedOut
            }
            usleep(1000)
        }
        // The macros of <sys/wait.h>: the low seven bits hold the signal, the next byte the exit status.
        return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
    }

    private static func start(_ path: String, _ arguments: [String], _ out: Pipe, _ error: Pipe?) throws -> pid_t {
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
        #else
            var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        #if canImport(Glibc)
            var attributes = posix_spawnattr_t()
        #else
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, so that what it starts can be ended with it, and what interrupts this program does not reach it.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, out.writer, 1)
        posix_spawn_file_actions_adddup2(&actions, error?.writer ?? out.writer, 2)
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        argv.append(nil)
        defer { for argument in argv { free(argument) } }
        var process: pid_t = 0
        let failure = posix_spawn(&process, path, &actions, &attributes, argv, hadal_system_environment())
        guard failure == 0 else { throw HadalError(.io, "cannot run it: \(String(cString: strerror(failure)))", at: SourcePlace(path)) }
        return process
    }

    /// Two ends; neither outlives an exec.
    private struct Pipe {
        var reader: Int32 = -1
        var writer: Int32 = -1

        mutating func open() -> Bool {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { return false }
            (reader, writer) = (ends[0], ends[1])
            return fcntl(reader, F_SETFD, FD_CLOEXEC) == 0 && fcntl(writer, F_SETFD, FD_CLOEXEC) == 0
        }
        mutating func closeWriter() {
            if writer >= 0 { _ = shut(writer) }
            writer = -1
        }
        mutating func close() {
            closeWriter()
            if reader >= 0 { _ = shut(reader) }
            reader = -1
        }
        #if canImport(Glibc)
            private func shut(_ descriptor: Int32) -> Int32 { Glibc.close(descriptor) }
        #else
            private func shut(_ descriptor: Int32) -> Int32 { Darwin.close(descriptor) }
        #endif
    }
}

extension ChildProcess {
    /// The first of `names` that is a program on the search path, as a path; one with a slash in it is taken as it is.
    package static func find(_ names: [String]) -> String? {
        let folders = (getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
        for name in names {
            if name.contains("/") {
                if isProgram(name) { return name }
                continue
            }
            for folder in folders where isProgram("\(folder)/\(name)") { return "\(folder)/\(name)" }
        }
        return nil
    }

    private static func isProgram(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
