import CHadalSystem
import Foundation
import HadalCore
import HadalSandbox
import Synchronization

/// Takes the network or the right to write from itself, tries what is forbidden as a program would, and prints what it got.
///
/// A process of its own, as none of that can be taken back. Prints one JSON object, or `error:` and the error.
@main
enum SealCheck {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            guard let mode = arguments.first, let run = modes[mode] else { throw HadalError(.invalidArgument, "no such mode") }
            print(try run(Array(arguments.dropFirst())).text())
        } catch {
            print("error: \(error)")
        }
    }

    private static let modes: [String: @Sendable ([String]) throws -> JSON] = [
        "threads": { _ in try threads() }, "listener": { _ in try listener() }, "open-socket": { _ in try openSocket() },
        "open-pair": { _ in try openPair() }, "open-ring": { _ in try openRing() }, "not-a-listener": { _ in try notAListener() },
        "foreign-filter": { _ in try foreignFilter() }, "child": { try child($0) }, "allowed": { _ in try allowed() },
        "writes": { try writes($0) }, "dumps": { _ in try dumps() }, "twice": { _ in try twice() }, "neighbour": { _ in try neighbour() },
    ]

    private static func number(_ value: Int32) -> JSON { JSON(.int(Int64(value))) }

    /// The error number of a call; 0 when it worked.
    private static func outcome(_ result: Int) -> Int32 { result < 0 ? errno : 0 }

    private static func openTCP() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let result = outcome(Int(descriptor))
        if descriptor >= 0 { close(descriptor) }
        return result
    }

    /// Threads that ran before the seal, and one that is started after it.
    private static func threads() throws -> JSON {
        let results = Mutex<[Int32]>([])
        let isSealed = Atomic(false)
        let ready = Atomic(0)
        let before = (0..<3).compactMap { index in
            SystemThread(name: "before-\(index)") {
                let first = openTCP()
                ready.add(1, ordering: .sequentiallyConsistent)
                while !isSealed.load(ordering: .sequentiallyConsistent) { usleep(1000) }
                let second = openTCP()
                results.withLock { $0 += [first, second] }
            }
        }
        while ready.load(ordering: .sequentiallyConsistent) < before.count { usleep(1000) }
        let report = try NetworkSeal.apply()
        isSealed.store(true, ordering: .sequentiallyConsistent)
        before.forEach { $0.join() }
        SystemThread(name: "after") { results.withLock { $0.append(openTCP()) } }?.join()
        return ["report": report.json, "line": JSON(.string(report.line)), "results": JSON(.array(results.withLock { $0 }.map(number)))]
    }

    private static func bound() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard descriptor >= 0, isBound else { throw HadalError(.io, "cannot listen: \(errno)") }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    private static func connectTo(_ port: UInt16, with descriptor: Int32) -> Int32 {
        var address = address(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                outcome(Int(connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))))
            }
        }
    }

    /// Answers one connection, which somebody else makes, under the seal. The port goes to stderr beforehand.
    private static func listener() throws -> JSON {
        let (descriptor, port) = try bound()
        let listeners = try NetworkSeal.openListeners()
        guard listeners == [descriptor] else { throw HadalError(.mismatch, "listeners \(listeners), not \(descriptor)") }
        let report = try NetworkSeal.apply(keeping: listeners)
        FileHandle.standardError.write(Data("\(port)\n".utf8))
        // accept4, as servers call it, with the flag that closes it for children.
        let client = Int32(hadal_sandbox_call(machine == "x86_64" ? 288 : 242, Int(descriptor), 0, 0, 0x8_0000, 0, 0))
        guard client >= 0 else { throw HadalError(.io, "cannot accept: \(-client)") }
        var buffer = [UInt8](repeating: 0, count: 64)
        let got = recv(client, &buffer, buffer.count, 0)
        let written = write(client, "written ", 8)
        let sent = send(client, "sent ", 5, Int32(MSG_NOSIGNAL))
        var pieces = Array("gathered".utf8)
        let gathered = pieces.withUnsafeMutableBytes {
            var vector = iovec(iov_base: $0.baseAddress, iov_len: $0.count)
            return writev(client, &vector, 1)
        }
        // The accepted connection and the listener are no way to anybody else.
        var other = address(port)
        let elsewhere = withUnsafePointer(to: &other) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                outcome(sendto(client, "x", 1, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size)))
            }
        }
        let again = [connectTo(port, with: client), connectTo(port, with: descriptor), elsewhere]
        close(client)
        close(descriptor)
        return [
            "report": report.json, "read": JSON(.int(Int64(got))), "sent": JSON(.int(Int64(written + sent + gathered))),
            "elsewhere": JSON(.array(again.map(number))),
        ]
    }

    private static func openSocket() throws -> JSON {
        _ = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        return try NetworkSeal.apply().json
    }

    private static func openPair() throws -> JSON {
        var pair: [Int32] = [-1, -1]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
        return try NetworkSeal.apply().json
    }

    private static func openRing() throws -> JSON {
        var parameters = [UInt8](repeating: 0, count: 120)
        let ring = parameters.withUnsafeMutableBytes { hadal_sandbox_call(425, 1, Int(bitPattern: $0.baseAddress), 0, 0, 0, 0) }
        guard ring >= 0 else { throw HadalError(.unsupported, "this machine has no rings") }
        return try NetworkSeal.apply().json
    }

    private static func notAListener() throws -> JSON {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        return try NetworkSeal.apply(keeping: [descriptor]).json
    }

    /// A thread that has a filter of its own, which allows everything.
    private static func foreignFilter() throws -> JSON {
        let ready = Atomic(false)
        let thread = SystemThread(name: "stranger") {
            let (seccomp, prctl) = machine == "x86_64" ? (317, 157) : (277, 167)
            var allow: UInt64 = 0x7FFF_0000 << 32 | 0x06
            withUnsafeMutablePointer(to: &allow) { instruction in
                var program: (UInt64, UInt) = (1, UInt(bitPattern: instruction))
                withUnsafeMutableBytes(of: &program) {
                    _ = hadal_sandbox_call(prctl, 38, 1, 0, 0, 0, 0)
                    _ = hadal_sandbox_call(seccomp, 1, 0, Int(bitPattern: $0.baseAddress), 0, 0, 0)
                }
            }
            ready.store(true, ordering: .sequentiallyConsistent)
            sleep(30)
        }
        while !ready.load(ordering: .sequentiallyConsistent) { usleep(1000) }
        defer { withExtendedLifetime(thread) {} }
        return try NetworkSeal.apply().json
    }

    private static var machine: String {
        #if arch(x86_64)
            "x86_64"
        #else
            "other"
        #endif
    }

    /// A program that the sealed process starts.
    private static func child(_ arguments: [String]) throws -> JSON {
        _ = try NetworkSeal.apply()
        let child = try ChildProcess.run("/bin/sh", ["-c"] + arguments, merged: true)
        return ["succeeded": JSON(.bool(child.succeeded)), "output": JSON(.string(child.text))]
    }

    /// What has to work all the same.
    private static func allowed() throws -> JSON {
        _ = try NetworkSeal.apply()
        var pair: [Int32] = [-1, -1]
        let made = outcome(Int(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)))
        let sent = outcome(send(pair[0], "x", 1, 0))
        var byte: UInt8 = 0
        let received = outcome(recv(pair[1], &byte, 1, 0))
        let passed = withUnsafeMutablePointer(to: &byte) { pointer in
            var vector = iovec(iov_base: pointer, iov_len: 1)
            return withUnsafeMutablePointer(to: &vector) { vector in
                var message = msghdr()
                message.msg_iov = vector
                message.msg_iovlen = 1
                return outcome(sendmsg(pair[0], &message, 0))
            }
        }
        let counts = try SealedPool.run()
        return [
            "socketpair": number(made), "send": number(sent), "recv": number(received), "sendmsg": number(passed),
            "dispatch": JSON(.int(Int64(counts))),
        ]
    }

    private static func twice() throws -> JSON {
        let first = try NetworkSeal.apply()
        let second = try NetworkSeal.apply()
        return ["same": JSON(.bool(first == second)), "sealed": JSON(.bool(second.isComplete))]
    }

    /// Writes below and outside of the directory of the arguments: allowed, forbidden.
    private static func writes(_ directories: [String]) throws -> JSON {
        guard directories.count == 2 else { throw HadalError(.invalidArgument, "two directories") }
        let outside = "\(directories[1])/there"
        try Data("there".utf8).write(to: URL(fileURLWithPath: outside))
        let outcome = try WriteRestriction(directories: [directories[0]]).enforce()
        func attempt(_ body: () -> Int32) -> JSON { body() < 0 ? number(errno) : 0 }
        func create(_ path: String, _ flags: Int32) -> Int32 {
            let descriptor = open(path, flags, 0o600)
            if descriptor >= 0 { close(descriptor) }
            return descriptor
        }
        let child = try ChildProcess.run("/bin/sh", ["-c", "echo x > '\(directories[1])/by-child'"], merged: true)
        return [
            "outcome": outcome.json, "line": JSON(.string(outcome.line)),
            "inside": attempt { create("\(directories[0])/new", O_WRONLY | O_CREAT) },
            "rename_inside": attempt { rename("\(directories[0])/new", "\(directories[0])/renamed") },
            "outside": attempt { create("\(directories[1])/new", O_WRONLY | O_CREAT) },
            "truncate": attempt { truncate(outside, 0) }, "unlink": attempt { unlink(outside) },
            "read": attempt { create(outside, O_RDONLY) }, "null": attempt { create("/dev/null", O_WRONLY) },
            "child": JSON(.bool(child.succeeded)),
        ]
    }

    /// Opens the memory of the process that started this one.
    private static func neighbour() throws -> JSON {
        func open(_ process: String) -> JSON {
            let descriptor = Foundation.open("/proc/\(process)/mem", O_RDWR | O_CLOEXEC)
            let result = outcome(Int(descriptor))
            if descriptor >= 0 { close(descriptor) }
            return number(result)
        }
        let before = open("\(getppid())")
        let report = try NetworkSeal.apply()
        return ["before": before, "after": open("\(getppid())"), "own": open("self"), "isolation": report.isolation.json]
    }

    private static func dumps() throws -> JSON {
        try MemoryDumps.forbid()
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(RLIMIT_CORE.rawValue)), &limit)
        let dumpable = hadal_sandbox_call(machine == "x86_64" ? 157 : 167, 3, 0, 0, 0, 0, 0)
        return [
            "core": JSON(.int(Int64(limit.rlim_cur))), "most": JSON(.int(Int64(limit.rlim_max))), "dumpable": JSON(.int(Int64(dumpable))),
        ]
    }
}
