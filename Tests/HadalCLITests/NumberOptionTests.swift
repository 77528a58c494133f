import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

/// Numbers on the command line, negative ones above all.
@Suite("Numeric options", .serialized)
struct NumberOptionTests {
    /// A command up to the option, the option, the least number that it takes, and whether it takes -1.
    static let options: [([String], String, String, Bool)] = [
        (["run", "no.gguf", "-p", "x"], "--max-tokens", "0", true), (["chat", "no.gguf"], "--max-tokens", "0", true),
        (["run", "no.gguf", "-p", "x"], "--top-k", "0", true), (["run", "no.gguf", "-p", "x"], "--seed", "0", true),
        (["chat", "no.gguf"], "--seed", "0", true), (["run", "no.gguf", "-p", "x"], "-t", "1", true),
        (["run", "no.gguf", "-p", "x"], "--threads", "1", true), (["bench", "no.gguf"], "-t", "1", true),
        (["generate-ids", "no.gguf", "--tokens", "1"], "-t", "1", true), (["plan", "no.gguf"], "-t", "1", true),
        (["eval", "perplexity", "no.gguf", "-f", "x"], "-t", "1", true),
        (["quantize", "no.gguf", "x.gguf", "--type", "q8_0"], "-t", "between 1 and 1024", true),
        (["synth", "nosuch", "--config", "no.json", "--type", "q8_0", "-o", "x.gguf"], "--seed", "0", true),
        (["plugin", "check", "no.so"], "--seed", "0", true), (["kernels", "test", "--backend", "nosuch"], "--seed", "0", true),
        (["run", "no.gguf", "-p", "x"], "--temperature", "0", false), (["run", "no.gguf", "-p", "x"], "--min-p", "between 0 and 1", false),
        (["run", "no.gguf", "-p", "x"], "--top-p", "above 0 and at most 1", false),
        (["run", "no.gguf", "-p", "x"], "--repetition-penalty", "above 0", false),
        (["run", "no.gguf", "-p", "x"], "--penalty-window", "0", false), (["run", "no.gguf", "-p", "x"], "--reasoning-budget", "0", false),
        (["run", "no.gguf", "-p", "x"], "--context", "1", false), (["run", "no.gguf", "-p", "x"], "--batch", "between 1 and 65536", false),
        (["run", "no.gguf", "-p", "x"], "--expert-memory", "1", false), (["run", "no.gguf", "-p", "x"], "--memory", "1", false),
        (["generate-ids", "no.gguf", "--tokens", "1"], "-n", "0", false),
        (["bench", "no.gguf"], "-p", "1", false), (["bench", "no.gguf"], "-n", "1", false), (["bench", "no.gguf"], "-r", "1", false),
        (["bench", "no.gguf"], "--depth", "1", false), (["bench", "no.gguf"], "--sequences", "1", false),
        (["trace", "no.gguf", "-p", "x"], "-n", "0", false), (["trace", "no.gguf", "-p", "x"], "--tolerance", "0", false),
        (["trace", "no.gguf", "-p", "x"], "--save-limit", "0", false),
        (["eval", "perplexity", "no.gguf", "-f", "x"], "--stride", "1", false),
        (["plugin", "check", "no.so"], "--cases", "1", false), (["plugin", "check", "no.so"], "--device", "0", false),
        (["kernels", "test", "--backend", "nosuch"], "--timeout", "between 1 and 86400", false),
        (["kernels", "bench", "linear", "--backend", "nosuch"], "--seconds", "above 0 and at most 600", false),
        (["kernels", "tune", "--backend", "nosuch"], "--budget", "above 0 and at most 1000000", false),
        (["kernels", "watch", "linear", "--backend", "nosuch"], "--bench-seconds", "above 0 and at most 60", false),
    ]

    @Test("a negative number is answered by its option, in both spellings", arguments: options)
    func negative(_ command: [String], _ option: String, _ bounds: String, _ takesMinusOne: Bool) throws {
        let bounds = bounds.count == 1 ? "\(bounds) or more" : bounds
        for spelled in [[option, "-2"], ["\(option)=-2"]] {
            let run = try CommandRun(command + spelled)
            #expect(run.status == 2 && run.error.contains("must be \(bounds), not -2"), "\(spelled): \(run.status) \(run.error)")
            #expect(run.error.contains("'\(option) <"), "\(run.error)")
        }
        for spelled in [[option, "-1"], ["\(option)=-1"]] {
            let run = try CommandRun(command + spelled)
            if takesMinusOne {
                // It goes on to what else is wrong.
                #expect(run.status == 1 && !run.error.contains("must be"), "\(spelled): \(run.error)")
            } else {
                #expect(run.status == 2 && run.error.contains("must be \(bounds), not -1"), "\(spelled): \(run.error)")
            }
        }
    }

    @Test("what is no number is named", arguments: ["abc", "1e3x", "", "1.5"])
    func nonsense(_ text: String) throws {
        let run = try CommandRun(["run", "no.gguf", "-p", "x", "--max-tokens", text])
        #expect(run.status == 2 && run.error.contains("must be an integer, not '\(text)'"), "\(run.error)")
    }

    @Test("numbers beyond 64 bits are out of range")
    func huge() throws {
        let run = try CommandRun(["run", "no.gguf", "-p", "x", "--max-tokens", "-99999999999999999999"])
        #expect(run.status == 2 && run.error.contains("must be 0 or more, not -99999999999999999999"), "\(run.error)")
    }

    @Test("penalties may be negative, and texts may look like numbers")
    func others() throws {
        for arguments in [["--presence-penalty", "-1.5"], ["--frequency-penalty", "-.5"], ["--stop", "-1"], ["--system", "-3"]] {
            let run = try CommandRun(["run", "no.gguf", "-p", "-7"] + arguments)
            #expect(run.status == 1 && run.error.contains("no.gguf"), "\(arguments): \(run.error)")
        }
    }

    @Test("-1 in a run: no limit, all tokens, random seeds, automatic threads")
    func minusOne() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var model = ScriptedModel(words: ["Paris"], template: nil, script: ["x": ["Paris"], "Paris": [ScriptedModel.end]])
        model.script["Paris"] = ["Paris"]
        try model.write(to: "\(folder)/m.gguf")
        let arguments = [
            "run", "\(folder)/m.gguf", "--raw", "-p", "x", "--json", "--backend", "reference", "--context", "16", "--max-tokens", "-1",
            "--top-k", "-1",
            "--seed", "-1", "-t", "-1", "--temperature", "0.01",
        ]
        let runs = try (0..<2).map { _ in try CommandRun(arguments) }
        let results = try runs.map { try JSONDocument(parsing: $0.out, file: "stdout").root }
        for (run, result) in zip(runs, results) {
            #expect(result["finish_reason"]?.string == "context_full" && run.error.contains("context of 16"), "\(run.error)")
            #expect(result["sampling"]?["top_k"]?.int == 0 && result["sampling"]?["from"]?["top_k"]?.string == "flag")
            #expect(result["sampling"]?["max_tokens"]?.isNull == true && result["sampling"]?["from"]?["max_tokens"]?.string == "flag")
        }
        #expect(results[0]["seed"]?.int != results[1]["seed"]?.int)
    }
}
