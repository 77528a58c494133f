import Foundation
import HadalCore
import TestSupport
import Testing

@Suite("hadal kernels", .serialized)
struct KernelCommandTests {
    private let llama = Fixtures.path("models/llama")

    private func succeed(_ arguments: [String]) throws -> String {
        let run = try CommandRun(arguments)
        #expect(run.status == 0, "\(arguments): \(run.error)\(run.out)")
        return run.out
    }

    private func json(_ text: String) throws -> JSON { try JSONDocument(parsing: text, file: "stdout").root }

    private func temporary(_ body: (String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test("list names every op, its types, its source, and why one is missing")
    func list() throws {
        let rows = try json(try succeed(["kernels", "list", "--json"]))["kernels"]?.array ?? []
        let linear = try #require(rows.first { $0["op"]?.string == "linear" && $0["backend"]?.string == "cpu" })
        #expect(linear["status"]?.string == "native" && linear["source"]?.string?.hasSuffix("linear/cpu.c") == true)
        #expect(linear["dtypes"]?.array?.contains { $0["dtype"]?.string == "Q4_K" && ($0["supported_cases"]?.int ?? 0) > 0 } == true)
        let missing = try #require(rows.first { $0["op"]?.string == "attention" && $0["backend"]?.string == "example" })
        #expect(missing["status"]?.string == "missing" && missing["reason"]?.string?.isEmpty == false)
        let text = try succeed(["kernels", "list", "glu", "--backend", "cpu"])
        #expect(text.contains("glu") && text.contains("native") && !text.contains("linear"))
        #expect(try CommandRun(["kernels", "list", "nosuch"]).error.contains("nosuch"))
    }

    @Test("test runs every case, or a few, or one")
    func test() throws {
        let all = try json(try succeed(["kernels", "test", "add", "glu", "--json", "--seed", "7"]))
        #expect(all["passed"]?.bool == true && all["seed"]?.string == "7")
        let cases = try #require(all["ops"]?.array?.first { $0["op"]?.string == "add" }?["cases"]?.int)
        #expect(cases == 52)
        #expect(try succeed(["kernels", "test", "--quick", "--backend", "reference"]).contains("pass  linear"))
        let one = try json(try succeed(["kernels", "test", "linear", "--case", "linear/2.17", "--json"]))
        #expect(one["ops"]?.array?.first?["cases"]?.int == 1)
        #expect(try succeed(["kernels", "test", "linear", "--case", "2.17"]).contains("1 case"))
    }

    @Test("what cannot be tested is said")
    func testErrors() throws {
        for (arguments, fragment) in [
            (["nosuch"], "nosuch"), (["linear", "--case", "linear/99.0"], "linear/99.0"), (["linear", "--case", "add/0.0"], "add/0.0"),
            (["--case", "17"], "17"), (["--replay", "missing.safetensors"], "missing.safetensors"), (["--backend", "nosuch"], "nosuch"),
            (["--kernels", "/no/such/dir"], "/no/such/dir"),
        ] {
            let run = try CommandRun(["kernels", "test"] + arguments)
            #expect(run.status == 1 && run.error.contains(fragment), "\(arguments): \(run.error)")
        }
        for arguments in [["--replay", "x", "linear"], ["--quick", "--case", "add/0.1"], ["a", "b", "--case", "a/0.0"]] {
            #expect(try CommandRun(["kernels", "test"] + arguments).status == 2, "\(arguments)")
        }
        // Asked for by name, an op that does not run is a failure.
        let run = try CommandRun(["kernels", "test", "attention", "--backend", "example"])
        #expect(run.status == 1 && run.out.contains("none  attention"), "\(run.out)")
    }

    @Test("bench times a shape and counts its work")
    func bench() throws {
        let arguments = ["kernels", "bench", "linear", "--seconds", "0.01", "--warm", "--json"]
        let result = try json(try succeed(arguments + ["--shape", "N=1,K=256,M=64", "--dtype", "weight=q4_k"]))
        let row = try #require(result["results"]?.array?.first)
        #expect(
            row["operations"]?.int == 2 * 256 * 64 && (row["microseconds"]?.double ?? 0) > 0 && (row["roofline_share"]?.double ?? 0) > 0)
        #expect(row["timed_by"]?.string == "backend")
        for (extra, fragment) in [
            (["--shape", "Z=1"], "Z"), (["--dtype", "weight=q4_k", "--shape", "K=100"], "whole blocks"), (["--step", "1+1"], "step"),
        ] {
            let run = try CommandRun(arguments + extra)
            #expect(run.status == 1 && run.error.contains(fragment), "\(extra): \(run.error)")
        }
    }

    @Test("watch gives a verdict")
    func watch() throws {
        let verdict = try json(try succeed(["kernels", "watch", "mul", "--once", "--json", "--bench-seconds", "0.01"]))
        #expect(verdict["correct"]?.bool == true && (verdict["cases"]?.int ?? 0) > 4 && (verdict["microseconds"]?.double ?? 0) > 0)
        #expect(try CommandRun(["kernels", "watch", "nosuch", "--once"]).error.contains("nosuch"))
    }

    @Test("tune needs a backend that can be tuned")
    func tune() throws {
        let run = try CommandRun(["kernels", "tune", "--backend", "reference"])
        #expect(run.status == 1 && run.error.contains("no parameters to tune"), "\(run.error)")
    }

    @Test("new refuses names that cannot be, and what is there")
    func newErrors() throws {
        try temporary { folder in
            for name in ["Upper", "1st", "a-b", "a b", "", "include", "../x"] {
                let run = try CommandRun(["kernels", "new", name, "-o", folder])
                #expect(run.status != 0 && !run.error.isEmpty, "\(name)")
            }
            #expect(try CommandRun(["kernels", "new", "linear", "-o", folder]).error.contains("there is an op 'linear' already"))
            _ = try succeed(["kernels", "new", "squared", "-o", folder])
            #expect(try CommandRun(["kernels", "new", "squared", "-o", folder]).error.contains("squared"))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "\(folder)/squared").sorted() == ["cpu.c", "op.json", "vulkan.comp"])
        }
    }

    @Test("the first op that differs is saved, and replayed alone")
    func savedNode() throws {
        try temporary { folder in
            let path = "\(folder)/node file.safetensors"
            let compare = ["trace", llama, "--tokens", "1,2,3", "--compare", "cpu,reference", "--tolerance", "0"]
            let run = try CommandRun(compare + ["--save", path, "--json"])
            let saved = try #require(try json(run.out)["saved"])
            #expect(run.status == 1 && saved["file"]?.string == path, "\(run.out) \(run.error)")
            #expect((saved["relative_error_alone"]?.double ?? 1) < 1e-4)
            #expect(saved["replay"]?.string?.contains("--replay '\(path)' --backend cpu") == true)
            #expect(try succeed(["kernels", "test", "--replay", path, "--backend", "cpu"]).contains("passed"))
            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.truncate(atOffset: 700)
            let damaged = try CommandRun(["kernels", "test", "--replay", path])
            #expect(damaged.status == 1 && damaged.error.contains("node file.safetensors"), "\(damaged.error)")
            let small = try CommandRun(compare + ["--save", "\(folder)/s", "--save-limit", "10"])
            #expect(small.status == 1 && small.out.contains("not saved") && small.out.contains("--save-limit"), "\(small.out)")
        }
    }
}
