import Foundation
import HadalCore
import TestSupport
import Testing

/// `--offline` as a user has it: what is refused, and what has to go on working under it.
@Suite("Offline", .serialized)
struct OfflineTests {
    private static let refused = "Operation not permitted"

    /// `hadal` without the sockets that Foundation would give it.
    private func hadal(_ arguments: [String], input: String? = nil, environment: [String: String] = [:]) throws -> CommandRun {
        try CommandRun(
            CleanLaunch.arguments(CommandRun.executable, arguments), input: input, environment: environment, executable: CleanLaunch.shell)
    }

    private func withModel(_ body: (_ model: String, _ folder: String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ScriptedModel.thinker().write(to: "\(folder)/model.gguf")
        try body("\(folder)/model.gguf", folder)
    }

    @Test("doctor tries everything, and says what it got")
    func doctor() throws {
        let run = try hadal(["doctor", "--offline", "--json"])
        #expect(run.status == 0, "\(run.error)")
        let root = try JSONDocument(parsing: run.out, file: "stdout").root
        let checks = root["offline"]?["checks"]?.array ?? []
        #expect(root["offline"]?["sealed"]?.bool == true && checks.count >= 30)
        #expect(checks.allSatisfy { $0["refused"]?.bool == true })
        #expect(checks.first { $0["name"]?.string == "connect" }?["result"]?.string == Self.refused)
        let backends = root["plugins"]?["backends"]?.array?.compactMap { $0["name"]?.string } ?? []
        #expect(backends.contains("cpu") && backends.contains("reference"))
        let text = try hadal(["doctor", "--offline"])
        #expect(text.status == 0 && text.out.contains("every thread") && text.out.contains("refused") && !text.out.contains("NOT REFUSED"))
    }

    @Test("a socket that is open already is an error")
    func openSocket() throws {
        // Foundation gives what it starts one end of a pair.
        try withModel { model, _ in
            for arguments in [["doctor", "--offline"], ["run", model, "-p", "x", "--offline"], ["chat", model, "--offline"]] {
                let run = try CommandRun(arguments)
                #expect(run.status == 1 && run.error.contains("while a socket is open: descriptor ") && run.out.isEmpty, "\(run.error)")
            }
        }
    }

    @Test("answers are those that there are without it")
    func answers() throws {
        try withModel { model, _ in
            let run = ["run", model, "-p", "Where?", "--temperature", "0"]
            #expect(try hadal(run).out == "Paris.\n")
            let offline = try hadal(run + ["--offline", "-v"])
            #expect(
                offline.status == 0 && offline.out == "Paris.\n" && offline.error.contains("the network is forbidden"), "\(offline.error)")
            let chat = try hadal(["chat", model, "--temperature", "0", "--offline"], input: "Where?\nAnd now?\n")
            #expect(chat.status == 0 && chat.out == "Paris.\nParis.\n" && chat.error.contains("the network is forbidden"), "\(chat.error)")
        }
    }

    @Test("a model that is not here is the usual error")
    func absent() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try hadal(["run", "smollm2", "-p", "x", "--offline"], environment: ["HADAL_MODELS": folder])
        #expect(
            run.status == 1 && run.error.contains("'smollm2' is not installed") && run.error.contains("hadal pull smollm2"), "\(run.error)")
    }

    @Test("a device of Vulkan opens, and its shaders are compiled", .enabled(if: VulkanTests.hasDevice, "needs a Vulkan device"))
    func vulkan() throws {
        try withModel { model, folder in
            let run = try hadal(
                ["run", model, "-p", "Where?", "--temperature", "0", "--backend", "vulkan", "--offline"],
                environment: ["XDG_CACHE_HOME": folder])
            #expect(run.status == 0 && run.out == "Paris.\n", "\(run.error)")
        }
    }
}

/// Code of others that wants out.
extension OfflineTests {
    /// Somebody who listens on this machine.
    private final class Listener {
        private let descriptor: Int32
        let port: UInt16

        init() throws {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let listens = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, size) == 0 && listen(descriptor, 64) == 0 && getsockname(descriptor, $0, &size) == 0
                }
            }
            guard listens else { throw HadalError(.io, "cannot listen") }
            self.descriptor = descriptor
            port = UInt16(bigEndian: address.sin_port)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }

        deinit { close(descriptor) }

        /// Connections that were made since the last call.
        func connections() -> Int {
            var count = 0
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { return count }
                close(client)
                count += 1
            }
        }
    }

    /// Runs what attacks, and gives the lines of its report.
    private func attacked(_ listener: Listener, _ folder: String, _ arguments: [String]) throws -> (run: CommandRun, report: [String]) {
        let report = "\(folder)/report"
        try? FileManager.default.removeItem(atPath: report)
        let run = try hadal(
            arguments, environment: ["HOSTILE_PORT": "\(listener.port)", "HOSTILE_REPORT": report, "XDG_CACHE_HOME": folder])
        let text = (try? String(contentsOfFile: report, encoding: .utf8)) ?? ""
        return (run, text.split(separator: "\n").map(String.init))
    }

    private static let attempts = ["socket", "connect", "raw", "socket", "connect", "raw", "program"]
    private static let succeeded = attempts.map { "\($0) 0" }
    /// EPERM is 1, and so is the status of a program that could not connect.
    private static let failed = attempts.map { "\($0) 1" }

    @Test("a hostile plugin gets nowhere", .enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
    func hostilePlugin() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let compiler = try #require(KernelDirectory.compiler)
        let built = try ChildProcess.run(
            compiler,
            [
                "-std=gnu11", "-shared", "-fPIC", "-I", "\(Fixtures.repository)/Sources/CHadalPlugin/include",
                Fixtures.path("plugins/hostile.c"), "-o", "\(folder)/libhadal-hostile.so", "-lpthread",
            ], merged: true)
        #expect(built.succeeded, "\(built.text)")
        let listener = try Listener()
        // Without the filter it does what it wants, so that the test can fail.
        let free = try attacked(listener, folder, ["backends", "--plugin-path", folder])
        #expect(free.report == ["loaded"] + Self.succeeded + ["asked"] + Self.succeeded, "\(free.report) \(free.run.error)")
        #expect(listener.connections() == 6)
        let sealed = try attacked(listener, folder, ["doctor", "--offline", "--plugin-path", folder])
        #expect(sealed.run.status == 0 && sealed.report == ["loaded"] + Self.failed + ["asked"] + Self.failed, "\(sealed.report)")
        try ScriptedModel.thinker().write(to: "\(folder)/model.gguf")
        let run = try attacked(
            listener, folder,
            ["run", "\(folder)/model.gguf", "-p", "Where?", "--plugin-path", folder, "--backend", "hostile", "--offline"])
        #expect(run.run.status == 1 && run.report.starts(with: ["loaded"] + Self.failed), "\(run.report) \(run.run.error)")
        #expect(!run.report.contains { $0.hasSuffix(" 0") } && listener.connections() == 0)
    }

    @Test(
        "a kernel that is compiled under it gets nowhere, and the model answers",
        .enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
    func hostileKernel() throws {
        let kernels = try KernelDirectory.stock("glu")
        // Its text: a kernel may include what lies in its own directory, and nothing else of ours.
        let attack = try String(contentsOfFile: Fixtures.path("plugins/hostile.h"), encoding: .utf8)
        try kernels.edit(
            "glu/cpu.c", "int64_t i, end;",
            "static int once;\n    if (!__atomic_exchange_n(&once, 1, __ATOMIC_SEQ_CST)) hostile_attack(\"kernel\");\n    int64_t i, end;")
        try kernels.edit("glu/cpu.c", "#include \"hadal_kernel.h\"", "\(attack)\n#include \"hadal_kernel.h\"")
        let listener = try Listener()
        try withModel { model, folder in
            let arguments = ["run", model, "-p", "Where?", "--temperature", "0", "--kernels", kernels.path]
            let sealed = try attacked(listener, folder, arguments + ["--offline"])
            #expect(sealed.run.status == 0 && sealed.run.out == "Paris.\n", "\(sealed.run.error)")
            #expect(
                sealed.report.starts(with: ["kernel"] + Self.failed) && !sealed.report.contains { $0.hasSuffix(" 0") }, "\(sealed.report)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/hadal/kernels").count == 1)
            #expect(listener.connections() == 0)
            let free = try attacked(listener, folder, arguments)
            #expect(free.report.starts(with: ["kernel"] + Self.succeeded) && listener.connections() >= 3, "\(free.report)")
        }
    }
}

/// What strace sees.
extension OfflineTests {
    private static let strace = ChildProcess.find(["strace"])

    @Test("a whole conversation makes no socket but pairs", .enabled(if: strace != nil, "needs strace"))
    func conversation() throws {
        let strace = try #require(Self.strace)
        try withModel { model, folder in
            let trace = "\(folder)/trace"
            let chat = try CommandRun(
                CleanLaunch.arguments(
                    strace,
                    ["-f", "-e", "trace=%network,io_uring_setup", "-e", "signal=none", "-o", trace, CommandRun.executable]
                        + ["chat", model, "--temperature", "0", "--offline"]),
                input: "Where?\nAnd now?\n/stats\n", executable: CleanLaunch.shell)
            #expect(chat.out == "Paris.\nParis.\n", "\(chat.error)")
            let calls = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n").filter { $0.contains("(") }
            // The attempts themselves are among them, which shows that strace sees them.
            #expect(calls.contains { $0.contains("socket(AF_INET, ") })
            for call in calls where !call.contains("= -1 EPERM") && !call.contains("<unfinished") {
                #expect(call.contains("socketpair(AF_UNIX") || call.contains("getsockopt("), "\(call)")
            }
        }
    }
}
