import Foundation
import HadalCore
import TestSupport
import Testing

/// Real sources, broken by one edit each: `kernels test` and `kernels watch` say so, and the replay command they print does, too.
@Suite("Broken kernels", .serialized, .enabled(if: CompilerSearch.hasCompiler, "needs a C compiler"))
struct BrokenKernelTests {
    struct Edit: Sendable, CustomTestStringConvertible {
        var name: String
        var op: String
        var old: String
        var new: String
        /// What the report has to say.
        var kind: String
        /// What it shows as is chance, unless settings put the threads in order.
        var isRace = false
        var testDescription: String { name }
    }

    static let edits: [Edit] = [
        Edit(
            name: "off by one", op: "add", old: "for (; i < end; i++) y[i] = a[i] + b[i];",
            new: "for (; i + 1 < end; i++) y[i] = a[i] + b[i];",
            kind: "mismatch"),
        Edit(name: "wrong stride", op: "rms_norm", old: "(x + i * width, weight", new: "(x + i * (width - 1), weight", kind: "mismatch"),
        Edit(name: "NaN", op: "add", old: "y[i] = a[i] + b[i];", new: "y[i] = i == 30 ? 0.0f / 0.0f : a[i] + b[i];", kind: "mismatch"),
        Edit(name: "writes past its output", op: "add", old: "for (; i < end; i++)", new: "for (; i <= end; i++)", kind: "overwritten"),
        Edit(
            name: "missing barrier", op: "add", old: "for (; i + LANES <= end; i += LANES) v_store(y + i, v_load(a + i) + v_load(b + i));",
            new: """
                const float before = i > 0 && i < end ? y[i - 1] : 0;
                    for (; i + LANES <= end; i += LANES) v_store(y + i, v_load(a + i) + v_load(b + i) + 0 * before);
                """, kind: "mismatch", isRace: true),
        Edit(
            name: "another result every time", op: "add", old: "y[i] = a[i] + b[i];",
            new: "{ static float more; y[i] = a[i] + b[i] + (more += 1); }",
            kind: "unrepeatable"),
    ]

    /// A directory with a copy of an op's folder, edited, and a cache of its own.
    private func edited(
        _ op: String, _ old: String, _ new: String, _ body: (_ kernels: String, _ environment: [String: String]) throws -> Void
    ) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let kernels = "\(folder)/my kernels"
        try FileManager.default.createDirectory(atPath: kernels, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: "\(Fixtures.repository)/kernels/ops/\(op)", toPath: "\(kernels)/\(op)")
        let path = "\(kernels)/\(op)/cpu.c"
        let source = try String(contentsOfFile: path, encoding: .utf8)
        #expect(source.contains(old))
        try source.replacingOccurrences(of: old, with: new).write(toFile: path, atomically: true, encoding: .utf8)
        try body(kernels, ["XDG_CACHE_HOME": "\(folder)/cache"])
    }

    @Test("is caught, shown, and replayed", arguments: edits)
    func caught(_ edit: Edit) throws {
        try edited(edit.op, edit.old, edit.new) { kernels, environment in
            let arguments = ["kernels", "test", edit.op, "--kernels", kernels, "--seed", "3"]
            let run = try CommandRun(arguments + ["--json"], environment: environment)
            let report = try JSONDocument(parsing: run.out, file: "stdout").root
            #expect(run.status == 1 && report["passed"]?.bool == false, "\(run.out) \(run.error)")
            let failures = report["ops"]?.array?.first?["failures"]?.array ?? []
            let failure = try #require(
                failures.first { $0["kind"]?.string == edit.kind } ?? (edit.isRace ? failures.first : nil), "\(run.out)")
            #expect(failure["operands"]?.string?.contains(" -> ") == true)
            let text = try CommandRun(arguments, environment: environment).out
            #expect(text.contains("FAIL  \(edit.op)") && text.contains("seed 3") && text.contains("--kernels '\(kernels)'"), "\(text)")
            if edit.kind == "mismatch", !edit.isRace {
                #expect(text.contains("worst element [") && text.contains("expected ") && text.contains("got "), "\(text)")
            }
            // The very case, with what the report says it takes.
            let settings = failure["settings"]?.array?.compactMap(\.string) ?? []
            let again = try CommandRun(
                arguments + ["--json", "--case", try #require(failure["case"]?.string)] + settings.flatMap { ["--set", $0] },
                environment: environment)
            let twins = try JSONDocument(parsing: again.out, file: "stdout").root["ops"]?.array?.first?["failures"]?.array ?? []
            let twin = twins.first { $0["kind"]?.string == edit.kind } ?? twins.first
            #expect(again.status == 1 && twin != nil, "\(again.out)")
            if edit.isRace, settings.isEmpty { return }
            // What a thread reads before another has written it is NaN in the first run and a number in the second: whether a
            // wrong result shows, or one that depends on unwritten memory, is a matter of time.
            let kinds = edit.isRace ? [edit.kind, "outside"] : [edit.kind]
            #expect(twin?["kind"]?.string.map(kinds.contains) == true, "\(again.out)")
            if edit.kind == "mismatch", twin?["kind"] == failure["kind"] {
                #expect(twin?["index"] == failure["index"] && twin?["expected"] == failure["expected"])
            }
            // Between two saves as well.
            let verdict = try CommandRun(["kernels", "watch", edit.op, "--once", "--json", "--kernels", kernels], environment: environment)
            #expect(verdict.status == 1 && verdict.out.contains("\"failure\""), "\(verdict.out) \(verdict.error)")
        }
    }

    @Test("A source that does not compile shows the compiler's message with its own line")
    func doesNotCompile() throws {
        try edited("add", "float *y = out", "flot *y = args") { kernels, environment in
            let run = try CommandRun(["kernels", "test", "add", "--kernels", kernels], environment: environment)
            #expect(run.status == 1 && run.out.contains("add/cpu.c:28") && run.out.contains("flot"), "\(run.out) \(run.error)")
            let verdict = try CommandRun(["kernels", "watch", "add", "--once", "--kernels", kernels], environment: environment)
            #expect(verdict.status == 1 && verdict.out.contains("does not load") && verdict.out.contains("add/cpu.c:28"), "\(verdict.out)")
        }
    }

    @Test("A kernel that crashes is named with its case, and watch goes on")
    func crashes() throws {
        try edited("add", "float *y = out", "*(volatile int *)8 = 1; float *y = out") { kernels, environment in
            let run = try CommandRun(["kernels", "test", "add", "--kernels", kernels], environment: environment)
            #expect(
                run.status == 1 && run.error.contains("crashed in case add/") && run.error.contains("replay: hadal kernels test add"),
                "\(run.error)")
            let verdict = try CommandRun(["kernels", "watch", "add", "--once", "--kernels", kernels], environment: environment)
            #expect(verdict.status == 1 && verdict.out.contains("crashed"), "\(verdict.out) \(verdict.error)")
        }
    }

    @Test("A kernel that does not end is given up with its case")
    func hangs() throws {
        try edited("add", "float *y = out", "for (volatile int more = 1; more;) {} float *y = out") { kernels, environment in
            let run = try CommandRun(["kernels", "test", "add", "--kernels", kernels, "--timeout", "1"], environment: environment)
            #expect(run.status == 1 && run.error.contains("does not end in case add/"), "\(run.error)")
            let verdict = try CommandRun(
                ["kernels", "watch", "add", "--once", "--timeout", "2", "--kernels", kernels], environment: environment)
            #expect(verdict.status == 1 && verdict.out.contains("does the kernel end?"), "\(verdict.out)")
        }
    }

    @Test("An edited kernel that is right passes, and is listed as overriding")
    func right() throws {
        try edited("add", "y[i] = a[i] + b[i];", "y[i] = b[i] + a[i];") { kernels, environment in
            let run = try CommandRun(["kernels", "test", "add", "--kernels", kernels], environment: environment)
            #expect(run.status == 0, "\(run.out) \(run.error)")
            let list = try CommandRun(
                ["kernels", "list", "add", "--backend", "cpu", "--kernels", kernels, "--json"], environment: environment)
            let row = try JSONDocument(parsing: list.out, file: "stdout").root["kernels"]?.array?.first
            #expect(row?["status"]?.string == "overridden" && row?["source"]?.string == "\(kernels)/add/cpu.c", "\(list.out)")
        }
    }

    @Test("A new op passes its own tests on the cpu and the reference, is timed, and shows a broken reference")
    func newOp() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let environment = ["XDG_CACHE_HOME": "\(folder)/cache"]
        let made = try CommandRun(["kernels", "new", "squared", "-o", "\(folder)/k"], environment: environment)
        #expect(made.status == 0, "\(made.error)")
        for backend in ["cpu", "reference"] {
            let run = try CommandRun(
                ["kernels", "test", "squared", "--kernels", "\(folder)/k", "--backend", backend], environment: environment)
            #expect(run.status == 0 && run.out.contains("pass  squared: 32 cases"), "\(run.out) \(run.error)")
        }
        let bench = try CommandRun(
            ["kernels", "bench", "squared", "--kernels", "\(folder)/k", "--seconds", "0.01", "--json"], environment: environment)
        #expect(bench.status == 0 && bench.out.contains("roofline_share"), "\(bench.error)")
        let path = "\(folder)/k/squared/op.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacingOccurrences(of: "factor * max(x, 0)", with: "2 * factor * max(x, 0)").write(
            toFile: path, atomically: true, encoding: .utf8)
        #expect(try CommandRun(["kernels", "test", "squared", "--kernels", "\(folder)/k"], environment: environment).status == 1)
        try text.replacingOccurrences(of: "\"dims\": {\"N\"", with: "\"dims\": {\"M\"").write(
            toFile: path, atomically: true, encoding: .utf8)
        let wrong = try CommandRun(["kernels", "test", "squared", "--kernels", "\(folder)/k"], environment: environment)
        #expect(wrong.status == 1 && wrong.error.contains("squared/op.json:") && wrong.error.contains("'M'"), "\(wrong.error)")
    }
}

enum CompilerSearch {
    static let hasCompiler = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains { folder in
        ["cc", "clang", "gcc"].contains { FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
    }
}
