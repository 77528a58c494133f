import CHadalSystem
import Foundation
import HadalCore
import Testing

@testable import HadalSandbox

/// Whole processes under the seal.
@Suite("Network seal", .enabled(if: NetworkSeal.isSupported, "needs Linux on x86-64 or 64-bit Arm"))
struct NetworkSealTests {
    private let refused = Int(EPERM)

    private func checks(_ report: JSON?) -> [String: Bool] {
        var checks: [String: Bool] = [:]
        for check in report?["checks"]?.array ?? [] {
            if let name = check["name"]?.string { checks[name] = check["refused"]?.bool }
        }
        return checks
    }

    @Test("threads that ran before and threads that start later are sealed, and every attempt is refused")
    func threads() throws {
        let result = try SealCheckRun("threads").json()
        let numbers = (result["results"]?.array ?? []).compactMap(\.int)
        // Each of three: a socket before, none after. Then the late one.
        #expect(numbers == [0, refused, 0, refused, 0, refused, refused])
        let report = result["report"]
        #expect(report?["sealed"]?.bool == true && report?["threads"]?.int == 4, "\(result.text())")
        let checks = checks(report)
        #expect(checks.count >= 30 && checks.values.allSatisfy { $0 }, "\(checks)")
        for name in [
            "socket of AF_INET", "socket of AF_UNIX", "socket of AF_NETLINK", "socketpair of AF_INET", "connect", "sendto with an address",
            "sendmsg", "sendmmsg", "io_uring_setup", "ptrace", "process_vm_readv", "pidfd_getfd", "bpf", "unshare", "setns",
            "clone with a new namespace", "clone3", "any thread",
        ] { #expect(checks[name] == true, "\(name)") }
        #if arch(x86_64)
            #expect(checks["a call by the i386 ABI"] == true && checks["a call by the x32 ABI"] == true)
        #endif
        #expect(result["line"]?.string?.contains("the network is forbidden to every thread (4)") == true)
    }

    @Test("without a filter the same attempts show that there is none")
    func attemptsWithoutASeal() throws {
        let processor = try #require(FilterProcessor.current)
        // AF_PACKET and AF_VSOCK depend on rights and modules; bpf, mount and keys on how the kernel is set.
        let dependent = ["socket of AF_PACKET", "socket of AF_VSOCK", "bpf", "fsopen", "mount", "clone with a new namespace"]
        for attempt in SealAttempt.all(on: processor) where !dependent.contains(attempt.name) && !attempt.name.contains("ABI") {
            #expect(attempt.perform() != attempt.refusal, "\(attempt.name)")
        }
    }

    @Test("the listener goes on: it accepts, reads, writes, sends, and leads nowhere else")
    func listener() throws {
        let run = try SealCheckRun("listener")
        let port = try #require(UInt16(run.firstErrorLine()))
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        #expect(connected == 0 && send(client, "hello", 5, 0) == 5)
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64)
        while true {
            let got = recv(client, &buffer, buffer.count, 0)
            guard got > 0 else { break }
            received += buffer[..<got]
        }
        #expect(String(decoding: received, as: UTF8.self) == "written sent gathered")
        let result = try run.json()
        #expect(result["read"]?.int == 5 && result["sent"]?.int == 21 && result["report"]?["listeners"]?.int == 1)
        #expect(result["elsewhere"]?.array?.compactMap(\.int) == [refused, refused, refused])
    }

    @Test(
        "a socket that is open already is an error that names it",
        arguments: [
            ("open-socket", "while a socket is open: descriptor 3: socket:["), ("open-pair", "descriptor 3: socket:["),
            ("not-a-listener", "descriptor 3 is not a listening socket"),
        ])
    func open(mode: String, message: String) throws {
        let text = try SealCheckRun(mode).text()
        #expect(text.hasPrefix("error: ") && text.contains(message), "\(text)")
    }

    @Test("so is a ring, which could use one without a call")
    func ring() throws {
        let text = try SealCheckRun("open-ring").text()
        // Some machines have rings turned off altogether.
        #expect(text.contains("io_uring") || text.contains("this machine has no rings"), "\(text)")
    }

    @Test("a thread with a filter of its own stands in the way, and is named")
    func foreignFilter() throws {
        let text = try SealCheckRun("foreign-filter").text()
        #expect(text.hasPrefix("error: the network cannot be forbidden: thread ") && text.contains("(stranger)"), "\(text)")
    }

    @Test("programs that it starts are sealed too, and run")
    func child() throws {
        let works = try SealCheckRun("child", "echo $((6 * 7))").json()
        #expect(works["succeeded"]?.bool == true && works["output"]?.string == "42\n")
        let status = try SealCheckRun("child", "grep -E 'Seccomp:|NoNewPrivs' /proc/self/status").json()
        let output = status["output"]?.string ?? ""
        #expect(output.contains("Seccomp:\t2") && output.contains("NoNewPrivs:\t1"), "\(output)")
    }

    @Test("pairs of sockets, send, threads and pools go on working")
    func allowed() throws {
        let result = try SealCheckRun("allowed").json()
        for name in ["socketpair", "send", "recv"] { #expect(result[name]?.int == 0, "\(name)") }
        #expect(result["sendmsg"]?.int == refused && result["dispatch"]?.int == 8)
    }

    @Test func twice() throws {
        let result = try SealCheckRun("twice").json()
        #expect(result["same"]?.bool == true && result["sealed"]?.bool == true)
    }

    @Test(
        "the memory of another process is out of reach", .enabled(if: hadal_sandbox_landlock_version() > 0, "needs a kernel with Landlock"))
    func otherProcesses() throws {
        let result = try SealCheckRun("neighbour").json()
        // This process is the neighbour, and belongs to the same user. Some systems keep even those apart.
        #expect([0, Int(EACCES)].contains(result["before"]?.int ?? -1), "\(result.text())")
        #expect([EACCES, EPERM].map(Int.init).contains(result["after"]?.int ?? 0), "\(result.text())")
        #expect(result["own"]?.int == 0 && result["isolation"]?["enforced"]?.bool == true)
    }

    @Test("memory is kept out of core files")
    func dumps() throws {
        let result = try SealCheckRun("dumps").json()
        #expect(result["core"]?.int == 0 && result["most"]?.int == 0 && result["dumpable"]?.int == 0)
    }

    @Test("a report that is not complete is refused")
    func incomplete() {
        let good = SealReport.Check(name: "connect", result: "Operation not permitted", isRefused: true)
        let bad = SealReport.Check(name: "bpf", result: "it worked", isRefused: false)
        #expect(throws: HadalError.self) {
            try SealReport(checks: [good, bad], threads: 1, listeners: 0, isolation: .unavailable("")).requireComplete()
        }
        #expect(throws: HadalError.self) {
            try SealReport(checks: [], threads: 1, listeners: 0, isolation: .unavailable("")).requireComplete()
        }
        #expect(throws: Never.self) {
            try SealReport(checks: [good], threads: 1, listeners: 0, isolation: .unavailable("")).requireComplete()
        }
    }
}
