import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

@Suite("hadal quantize", .serialized)
struct QuantizeTests {
    let llama = Fixtures.path("models/llama")

    private func json(_ text: String) throws -> JSON { try JSONDocument(parsing: text, file: "stdout").root }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test("a converted model gives the ids of the directory")
    func convert() throws {
        try withFolder { folder in
            let run = try CommandRun(["quantize", llama, "\(folder)/m.gguf", "--type", "F32", "--json"])
            #expect(run.status == 0, "\(run.error)")
            let report = try json(run.out)
            #expect(report["written"]?.bool == true && report["bits_per_weight"]?.double == 32)
            #expect(report["types"]?.array?.first?["worst_relative_error"]?.double == 0)
            let arguments = ["--tokens", "1,2,3", "-n", "6", "--backend", "reference"]
            let wanted = try CommandRun(["generate-ids", llama] + arguments).out
            #expect(try CommandRun(["generate-ids", "\(folder)/m.gguf"] + arguments).out == wanted)
        }
    }

    @Test("a dry run tells what a run does, and writes nothing")
    func dryRun() throws {
        try withFolder { folder in
            let arguments = [
                "quantize", llama, "\(folder)/m.gguf", "--type", "Q8_0", "--rule", "attention=F16,blk.0.*=Q4_0", "--rule", "experts=Q4_K",
                "--json",
            ]
            let plan = try CommandRun(arguments + ["--dry-run"])
            #expect(plan.status == 0 && plan.error.contains("the rule 'experts=Q4_K' matches no tensor"), "\(plan.error)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            let run = try CommandRun(arguments)
            #expect(run.status == 0, "\(run.error)")
            let (planned, written) = (try json(plan.out), try json(run.out))
            #expect(planned["bytes"]?.int == written["bytes"]?.int && planned["written"]?.bool == false)
            let file = try GGUFFile(path: "\(folder)/m.gguf")
            let types = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.dtype) })
            #expect(types["blk.0.attn_q.weight"] == .q4_0 && types["blk.1.attn_q.weight"] == .f16 && types["blk.1.ffn_up.weight"] == .q8_0)
            #expect(types["blk.1.attn_norm.weight"] == .f32)
            for entry in planned["plan"]?.array ?? [] { #expect(types[entry["name"]?.string ?? ""]?.name == entry["type"]?.string) }
            #expect(planned["plan"]?.array?.count == file.tensors.count)
        }
    }

    @Test(
        "mistakes on the command line",
        arguments: [
            (["--type", "Q4_Z"], "unknown type 'Q4_Z'"), (["--type", "Q4_K", "--rule", "expert=Q4_K"], "unknown group 'expert'"),
            (["--type", "Q4_K", "--rule", "experts"], "no '='"), (["--type", "Q4_K", "--threads", "0"], "--threads"), ([], "--type"),
        ])
    func usage(_ arguments: [String], _ message: String) throws {
        try withFolder { folder in
            let run = try CommandRun(["quantize", llama, "\(folder)/m.gguf"] + arguments)
            #expect(run.status == 2 && run.error.contains(message), "\(run.status): \(run.error)")
        }
    }

    @Test("a model is not written over, and a place that is not there is told at once")
    func places() throws {
        try withFolder { folder in
            let file = "\(folder)/m.gguf"
            #expect(try CommandRun(["quantize", llama, file, "--type", "F16"]).status == 0)
            let before = FileManager.default.contents(atPath: file)
            let same = try CommandRun(["quantize", file, file, "--type", "Q8_0"])
            #expect(same.status == 1 && same.error.contains("would replace the model"), "\(same.error)")
            #expect(FileManager.default.contents(atPath: file) == before)
            let nowhere = try CommandRun(["quantize", file, "\(folder)/no/m.gguf", "--type", "Q8_0"])
            #expect(nowhere.status == 1 && nowhere.error.contains("there is no directory"), "\(nowhere.error)")
        }
    }
}
