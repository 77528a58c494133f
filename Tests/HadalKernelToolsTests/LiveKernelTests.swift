import EngineTestSupport
import Foundation
import HadalBackend
import HadalCore
import HadalEngine
import HadalKernelTools
import Synchronization
import TestSupport
import Testing

/// Kernels that are edited while a model runs.
@Suite("Live kernels", .serialized, .enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
struct LiveKernelTests {
    /// An engine whose op is watched, and what the watcher says.
    private final class Watched {
        let directory: KernelDirectory
        let cache: KernelDirectory
        let engine: Engine
        let watcher: KernelWatcher
        private let notices: Notices

        private final class Notices: Sendable {
            let list = Mutex<[KernelNotice]>([])
        }

        init(check: (@Sendable (KernelCandidate, KernelDirectory) throws -> KernelCheck)? = nil) throws {
            let (directory, notices) = (try KernelDirectory.relu2(), Notices())
            (self.directory, self.notices, cache) = (directory, notices, try KernelDirectory())
            var options = EngineOptions.relu2("cpu", directory, cache: cache)
            var live = LiveKernelOptions()
            live.pollSeconds = 0.02
            live.notice = { notice in notices.list.withLock { $0.append(notice) } }
            if let check { live.check = { try check($0, directory) } }
            options.fusesOps = false
            engine = try Engine(path: Fixtures.path("models/llama"), options: options)
            watcher = try KernelWatcher(engine, live)
        }

        /// The bits of the logits after some tokens.
        func bits() throws -> [UInt32] {
            let session = engine.makeSession()
            try session.append((0..<9).map { Int32($0 * 11 % 150 + 5) })
            return session.logits.map(\.bitPattern)
        }

        /// Waits for the notice that follows those already seen.
        func notice(_ number: Int) throws -> KernelNotice {
            let deadline = ContinuousClock.now + .seconds(120)
            while ContinuousClock.now < deadline {
                if let found = notices.list.withLock({ $0.count >= number ? $0[number - 1] : nil }) { return found }
                Thread.sleep(forTimeInterval: 0.01)
            }
            throw HadalError(.notFound, "no notice \(number)")
        }

        var count: Int { notices.list.withLock { $0.count } }
    }

    /// Right within the contract's tolerance, and yet with other bits.
    private static let slightly = ("g * g * v_load(up + i)", "1.0000004f * (g * g * v_load(up + i))")

    @Test("an edited kernel is in use from the next token on")
    func swap() throws {
        let watched = try Watched()
        let before = try watched.bits()
        try watched.directory.edit("relu2_gate/cpu.c", Self.slightly.0, Self.slightly.1)
        let notice = try watched.notice(1)
        guard case .taken(let cases, _) = notice.outcome else {
            Issue.record("\(notice)")
            return
        }
        #expect(
            cases >= 36 && notice.op == "relu2_gate" && notice.backend == "cpu" && notice.folder == "\(watched.directory.path)/relu2_gate")
        let after = try watched.bits()
        #expect(after != before)
        try watched.directory.edit("relu2_gate/cpu.c", Self.slightly.1, Self.slightly.0)
        guard case .taken = try watched.notice(2).outcome else { return #expect(Bool(false)) }
        #expect(try watched.bits() == before)
    }

    /// What each breaks, by what is replaced with what.
    static let broken: [(fault: String, old: String, new: String)] = [
        ("off by one", "for (; i < end; i++)", "for (; i < end - 1; i++)"),
        (
            "missing barrier", "    hadal_share(args",
            """
                // Each thread squares its own share, and multiplies that of the next, which may not be squared yet.
                if (thread->count > 1) {
                    hadal_kernel_thread next = *thread;
                    next.index = (thread->index + 1) % thread->count;
                    int64_t total = args->outputs[0].rows * args->outputs[0].columns;
                    hadal_share(total, 64, thread, &i, &end);
                    for (; i < end; i++) y[i] = gate[i] > 0 ? gate[i] * gate[i] : 0;
                    hadal_share(total, 64, &next, &i, &end);
                    for (; i < end; i++) y[i] *= up[i];
                    return;
                }
                hadal_share(args
            """
        ),
        ("wrong stride", "v_load(up + i)", "v_load(up + i / 2)"),
        ("NaN", "g * g * v_load(up + i)", "(g / g) * g * g * v_load(up + i)"),
        (
            "out of bounds", "for (; i < end; i++) y[i]",
            "if (thread->index + 1 == thread->count) y[end] = 1;\n    for (; i < end; i++) y[i]"
        ),
    ]

    @Test("a broken kernel never takes a good one's place", arguments: broken.map(\.fault))
    func refusal(_ fault: String) throws {
        let watched = try Watched()
        let before = try watched.bits()
        let edit = try #require(Self.broken.first { $0.fault == fault })
        try watched.directory.edit("relu2_gate/cpu.c", edit.old, edit.new)
        let notice = try watched.notice(1)
        guard case .refused(let reason) = notice.outcome else {
            Issue.record("\(fault) was taken")
            return
        }
        #expect(!reason.isEmpty && !reason.contains("hadal-live"), "\(reason)")
        #expect(try watched.bits() == before)
    }

    @Test("one that does not compile is refused with the compiler's message, at the file that was edited")
    func compileError() throws {
        let watched = try Watched()
        let before = try watched.bits()
        try watched.directory.edit("relu2_gate/cpu.c", "int64_t i, end;", "int64_t i end;")
        guard case .refused(let reason) = try watched.notice(1).outcome else { return #expect(Bool(false)) }
        #expect(reason.contains("\(watched.directory.path)/relu2_gate/cpu.c:12:") && reason.contains("error"), "\(reason)")
        #expect(try watched.bits() == before)
        try watched.directory.edit("relu2_gate/cpu.c", "int64_t i end;", "int64_t i, end;")
        guard case .taken = try watched.notice(2).outcome else { return #expect(Bool(false)) }
    }

    @Test("what was checked is what is used, though the file changes meanwhile")
    func race() throws {
        let edited = Mutex(false)
        let watched = try Watched { candidate, directory in
            let verdict = try candidate.check()
            let isFirst = edited.withLock { edited in
                defer { edited = true }
                return !edited
            }
            // Between the check and the exchange somebody saves a broken kernel.
            if isFirst { try directory.edit("relu2_gate/cpu.c", "1.0000004f *", "7.0f *") }
            return verdict
        }
        let before = try watched.bits()
        try watched.directory.edit("relu2_gate/cpu.c", Self.slightly.0, Self.slightly.1)
        guard case .taken = try watched.notice(1).outcome else { return #expect(Bool(false)) }
        guard case .refused = try watched.notice(2).outcome else { return #expect(Bool(false)) }
        let after = try watched.bits().map { Float(bitPattern: $0) }
        #expect(after.map(\.bitPattern) != before)
        // Seven times as much would show.
        for (a, b) in zip(after, before.map { Float(bitPattern: $0) }) { #expect(abs(a - b) < 1e-3) }
    }

    @Test("a header that the source includes counts as an edit of it, other files do not")
    func headers() throws {
        let watched = try Watched()
        try watched.directory.write("relu2_gate/notes.txt", "")
        try watched.directory.write("include/mine.h", "#define ONE 1\n")
        // The folder has a file more, and so has what it shares: checked, and taken as it is.
        guard case .taken = try watched.notice(1).outcome else { return #expect(Bool(false)) }
        let seen = watched.count
        try watched.directory.edit("relu2_gate/cpu.c", "#include \"hadal_simd.h\"", "#include \"hadal_simd.h\"\n#include \"mine.h\"")
        _ = try watched.notice(seen + 1)
        let before = try watched.bits()
        try watched.directory.write("include/mine.h", "#error no\n")
        guard case .refused(let reason) = try watched.notice(seen + 2).outcome else { return #expect(Bool(false)) }
        #expect(reason.contains("\(watched.directory.path)/include/mine.h:1"), "\(reason)")
        #expect(try watched.bits() == before)
    }

    @Test("a backend that cannot exchange kernels says so")
    func unable() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        var options = EngineOptions.relu2("reference", directory, cache: cache)
        options.fusesOps = false
        let engine = try Engine(path: Fixtures.path("models/llama"), options: options)
        expectError(.unsupported, "reference") { try KernelWatcher(engine) }
    }

    @Test("a model whose ops may be fused is refused")
    func fused() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        let engine = try Engine(path: Fixtures.path("models/llama"), options: .relu2("cpu", directory, cache: cache))
        expectError(.invalidArgument, "fusesOps") { try KernelWatcher(engine) }
    }

    @Test("after the watch nothing is taken up, and what was taken stays")
    func stop() throws {
        let watched = try Watched()
        let before = try watched.bits()
        try watched.directory.edit("relu2_gate/cpu.c", Self.slightly.0, Self.slightly.1)
        guard case .taken = try watched.notice(1).outcome else { return #expect(Bool(false)) }
        let after = try watched.bits()
        watched.watcher.stop()
        watched.watcher.stop()
        try watched.directory.edit("relu2_gate/cpu.c", Self.slightly.1, Self.slightly.0)
        Thread.sleep(forTimeInterval: 0.2)
        #expect(try watched.count == 1 && watched.bits() == after && after != before)
    }

    @Test("the watch keeps no engine alive")
    func release() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        var options = EngineOptions.relu2("cpu", directory, cache: cache)
        options.fusesOps = false
        weak var known: Engine?
        let watcher: KernelWatcher
        do {
            let engine = try Engine(path: Fixtures.path("models/llama"), options: options)
            known = engine
            watcher = try KernelWatcher(engine)
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while known != nil, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.01) }
        #expect(known == nil)
        watcher.stop()
    }

    @Test("a candidate crosses to another process as text")
    func candidate() throws {
        let candidate = KernelCandidate(
            op: "glu", directory: "/a \"b\"", backend: "cpu", device: 1,
            options: ["isa": .string("avx2"), "threads": .int(3), "huge-pages": .bool(false)],
            environment: SearchPaths(pluginPaths: ["/p"], kernelPaths: ["/k", "/l"]))
        let read = try KernelCandidate(parsing: candidate.json.text())
        #expect(
            read.op == "glu" && read.directory == candidate.directory && read.backend == "cpu" && read.device == 1
                && read.options == candidate.options)
        #expect(read.environment.pluginPaths == ["/p"] && read.environment.kernelPaths == ["/k", "/l"])
        expectError(.malformed, "'op'") { try KernelCandidate(parsing: "{\"op\": 1}") }
        let verdict = KernelCheck(cases: 4, fault: "it \"crashed\"")
        #expect(try KernelCheck(parsing: verdict.json.text()) == verdict)
    }
}
