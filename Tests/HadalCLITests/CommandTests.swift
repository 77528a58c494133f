import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

@Suite("Commands", .serialized)
struct CommandTests {
    let llama = Fixtures.path("models/llama")

    private func succeed(_ arguments: [String], input: String? = nil, environment: [String: String] = [:]) throws -> String {
        let run = try CommandRun(arguments, input: input, environment: environment)
        #expect(run.status == 0, "\(arguments): \(run.error)")
        return run.out
    }

    private func json(_ text: String) throws -> JSON { try JSONDocument(parsing: text, file: "stdout").root }

    @Test("logits writes what logits writes", arguments: ["reference", "cpu"])
    func logits(_ backend: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try succeed(["logits", llama, "--tokens", "1,2,3", "-o", "\(folder)/o.safetensors", "--hidden", "--backend", backend])
        let file = try SafetensorsFile(path: "\(folder)/o.safetensors")
        let shapes = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) })
        #expect(
            shapes["logits"] == [3, 384] && shapes["hidden.embed"] == [3, 64] && shapes["hidden.2"] == [3, 64]
                && shapes["hidden.norm"] == [3, 64])
    }

    @Test func generateIDs() throws {
        let ids = try json(try succeed(["generate-ids", llama, "--tokens", "1,2,3", "-n", "5", "--backend", "reference"])).array
        #expect(ids?.count == 5 && ids?.allSatisfy { $0.int != nil } == true)
    }

    @Test("drafts change no token and are reported", arguments: ["reference", "cpu"])
    func speculate(_ backend: String) throws {
        let arguments = ["generate-ids", llama, "--tokens", "1,2,3", "-n", "40", "--backend", backend]
        #expect(try succeed(arguments) == succeed(arguments + ["--speculate", "draft:\(llama)"]))
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/s.gguf"
        _ = try succeed(["synth", "llama", "--config", "\(llama)/config.json", "--type", "Q8_0", "-o", file])
        let run = ["run", file, "--raw", "-p", "abc", "--max-tokens", "40", "--json", "--seed", "1", "--ignore-eos", "--backend", backend]
        let (plain, drafted) = (try json(try succeed(run)), try json(try succeed(run + ["--speculate", "draft:\(file)"])))
        #expect(plain["tokens"] == drafted["tokens"] && plain["text"] == drafted["text"] && plain["speculation"] == nil)
        let figures = try #require(drafted["speculation"])
        #expect(figures["kind"]?.string == "draft" && (figures["drafted"]?.int ?? 0) > 0)
        for key in ["accepted", "acceptance", "tokens_per_step", "net_gain", "switched_off_after"] {
            #expect(figures[key] != nil, "\(key)")
        }
        let bench = try json(
            try succeed(["bench", file, "-p", "8", "-n", "8", "-r", "1", "--json", "--backend", backend, "--speculate", "draft:\(file)"]))
        #expect(bench["speculation"] != nil && bench["speculative_tps"]?.array?.count == 1 && bench["plain_tps"]?.array?.count == 1)
    }

    @Test("an answer fits a schema, an expression or a grammar")
    func constraints() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/m.gguf", schema = "\(folder)/s.json", grammar = "\(folder)/g.gbnf"
        _ = try succeed(["synth", "llama", "--config", "\(llama)/config.json", "--type", "Q8_0", "-o", file])
        try #"{"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false}"#
            .write(toFile: schema, atomically: true, encoding: .utf8)
        try "root ::= [x-z]{3} \"!\"\n".write(toFile: grammar, atomically: true, encoding: .utf8)
        let run = ["run", file, "--raw", "-p", "abc", "--max-tokens", "60", "--json", "--seed", "4", "--temperature", "2"]
        let answer = try json(try succeed(run + ["--schema", schema]))["text"]?.string ?? ""
        #expect([1, 2].contains(try JSONDocument(parsing: answer, file: "answer").root["a"]?.int), "\(answer)")
        let letters = try json(try succeed(run + ["--regex", "[a-f]{4}"]))
        #expect(letters["text"]?.string?.wholeMatch(of: /[a-f]{4}/) != nil && letters["finish_reason"]?.string == "stop")
        #expect(try json(try succeed(run + ["--grammar", grammar]))["text"]?.string?.wholeMatch(of: /[x-z]{3}!/) != nil)
        #expect(try CommandRun(run + ["--regex", "a", "--grammar", grammar]).status == 2)
        try #"{"type": "object", "properties": {"a": {"format": "nonsense"}}}"#.write(toFile: schema, atomically: true, encoding: .utf8)
        let refused = try CommandRun(run + ["--schema", schema])
        #expect(refused.status == 1 && refused.error.contains("/properties/a/format"), "\(refused.error)")
        let misread = try CommandRun(run + ["--regex", "a("])
        #expect(misread.status == 1 && misread.error.contains("pattern:1:"), "\(misread.error)")
    }

    @Test("bench sends requests through the scheduler")
    func benchOfStreams() throws {
        let bench = try json(
            try succeed(["bench", llama, "--streams", "3", "-p", "8", "-n", "4", "-r", "2", "--shared-prefix", "5", "--json"]))
        #expect(bench["generated_tokens"]?.int == 24 && bench["prompt_tokens"]?.int == 6 * 13)
        #expect((bench["total_tps"]?.double ?? 0) > 0 && (bench["first_token_ms"]?["p95"]?.double ?? 0) > 0)
        let arriving = try json(
            try succeed(["bench", llama, "--streams", "2", "--arrivals", "500", "-p", "8", "-n", "4", "-r", "1", "--json"]))
        #expect(arriving["generated_tokens"]?.int == 8)
        for wrong in [["--streams", "2", "--sequences", "2"], ["--arrivals", "2"], ["--streams", "2", "--depth", "5"]] {
            #expect(try CommandRun(["bench", llama] + wrong).status == 2, "\(wrong)")
        }
    }

    @Test("bench gives shares, time by op, and the bytes of the experts that a token uses")
    func bench() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/m.gguf", config = "\(folder)/config.json"
        try """
        {"model_type": "olmoe", "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 4,
         "num_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": false, "vocab_size": 320, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "max_position_embeddings": 128, "tie_word_embeddings": false, "hidden_act": "silu"}
        """.write(toFile: config, atomically: true, encoding: .utf8)
        _ = try succeed(["synth", "olmoe", "--config", config, "--type", "Q8_0", "-o", file])
        let bench = try json(try succeed(["bench", file, "-p", "8", "-n", "8", "-r", "1", "--json", "--backend", "cpu"]))
        for key in ["bandwidth_share", "arithmetic_share"] { #expect((bench[key]?.double ?? 0) > 0, "\(key)") }
        for key in ["prefill_ops", "decode_ops"] {
            let ops = try #require(bench[key])
            #expect((ops["experts"]?["milliseconds"]?.double ?? 0) > 0 && (ops["linear"]?["share"]?.double ?? 0) > 0, "\(key)")
        }
        // A block of 32 weights has 34 bytes. A layer: four square matrices, the router in float32, norms of 64 floats (two, and of q and k), two experts of three matrices.
        let block = { (elements: Int) in elements / 32 * 34 }
        let attention = 4 * block(64 * 64), floats = 4 * (8 + 4) * 64, experts = 2 * 3 * block(64 * 96)
        // The last norm, eight rotary frequencies, a row of the table.
        let head = block(320 * 64), ends = 4 * 64 + 4 * 8 + block(64)
        let wanted: Int = 2 * (attention + floats + experts) + head + ends
        #expect(bench["bytes_per_token"]?.int == wanted)
    }

    @Test func inspectListsTheTensorsOfAnUnknownArchitecture() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: llama, toPath: "\(folder)/model")
        let path = "\(folder)/model/config.json"
        let config = try String(contentsOfFile: path, encoding: .utf8)
        try config.replacingOccurrences(of: "\"llama\"", with: "\"martian\"").write(toFile: path, atomically: true, encoding: .utf8)
        let text = try succeed(["inspect", "\(folder)/model"])
        #expect(text.contains("unknown model_type \"martian\"") && text.contains("model.layers.0.self_attn.q_proj.weight"), "\(text)")
        let report = try json(try succeed(["inspect", "\(folder)/model", "--json"]))
        #expect(report["architecture"]?.isNull == true && report["unknown"]?.string?.contains("martian") == true)
        let known = try json(try succeed(["inspect", llama, "--json"]))
        #expect(
            report["tensors"] == known["tensors"] && report["parameter_count"] == known["parameter_count"]
                && (known["tensors"]?.array?.count ?? 0) > 10)
        // What a description named for it says is no such case.
        #expect(try CommandRun(["inspect", "\(folder)/model", "--architecture", "\(folder)/none.json"]).status == 1)
    }

    /// LFM2 as docs/kernels.md describes it, with its op: the same tokens as the reference implementation.
    @Test(
        .enabled(if: Fixtures.goldens != nil && KernelDirectory.compiler != nil, "needs the goldens beside the checkout, and a C compiler"))
    func theOpWithStateOfThePage() throws {
        let model = "\(Fixtures.goldens ?? "")/models/lfm2"
        let extra = ["--architecture", Fixtures.path("kernels/convolved.json"), "--kernels", Fixtures.path("kernels")]
        #expect(
            try succeed(["arch", "check", Fixtures.path("kernels/convolved.json"), "--kernels", Fixtures.path("kernels")]).contains(
                "can be used"))
        let golden = try SafetensorsFile(path: "\(model)/golden.safetensors")
        func ids(_ name: String) throws -> [Int64] {
            let tensor = try #require(golden.tensors.first { $0.name == name })
            return UnsafeRawBufferPointer(rebasing: golden.source.bytes[tensor.range]).bindMemory(to: Int64.self).map { $0 }
        }
        let tokens = try ids("input_ids").map(String.init).joined(separator: ",")
        let made = try succeed(["generate-ids", model, "--tokens", tokens, "-n", "16"] + extra)
        #expect(made.contains(try ids("greedy").map(String.init).joined(separator: ", ")), "\(made)")
    }

    @Test func inspectAndPlan() throws {
        let inspect = try json(try succeed(["inspect", llama, "--json"]))
        #expect(inspect["architecture"]?.string == "llama" && inspect["layers"]?.int == 3)
        #expect(inspect["reasons"]?.array?.first?.string?.contains("because") == true)
        let plan = try json(try succeed(["plan", llama, "--json", "--backend", "reference", "--cache-type", "f16"]))
        #expect(plan["devices"]?.array?.first?.string == "reference" && plan["moves"]?.array?.isEmpty == true)
        #expect(plan["obstacle"]?.isNull == true)
        // What both tell is the same.
        for (mine, theirs) in [
            ("weights_bytes", "weights_bytes"), ("cache_bytes", "cache_bytes"), ("cache_bytes_per_token", "cache_bytes_per_token"),
            ("cache_context", "context"),
        ] {
            let (a, b) = (inspect["memory"]?[mine]?.int, plan["memory"]?[theirs]?.int)
            #expect(a != nil && a == b, "\(mine): \(a ?? -1), \(b ?? -1)")
        }
    }

    @Test("a budget is shown with its parts, and one that cannot hold the model says what would")
    func memory() throws {
        let memory = try #require(try json(try succeed(["plan", llama, "--json", "--memory", "1GiB"]))["memory"])
        #expect(memory["budget_bytes"]?.int == 1 << 30 && memory["budget_source"]?.string == "named")
        let parts = ["held_weights_bytes", "scratch_bytes", "draft_bytes"].compactMap { memory[$0]?.int }
        let (tokens, perToken) = (try #require(memory["cache_tokens"]?.int), try #require(memory["cache_bytes_per_token"]?.int))
        let taken = parts.reduce(0, +) + tokens * perToken
        #expect(parts.count == 3 && taken <= 1 << 30 && taken > 1 << 30 - 1 << 20, "\(taken)")
        let usual = try #require(try json(try succeed(["plan", llama, "--json"]))["memory"])
        #expect(usual["budget_bytes"]?.int ?? 0 > 0 && ["machine", "control group"].contains(usual["budget_source"]?.string))
        #expect(usual["cache_tokens"]?.int == usual["context"]?.int.map { 2 * $0 })
        let listing = try succeed(["plan", llama, "--memory", "1GiB"])
        for part in ["weights", "cache", "scratch", "budget", "--memory"] { #expect(listing.contains(part), "\(listing)") }
        let refused = try CommandRun(["generate-ids", llama, "--tokens", "1", "-n", "1", "--memory", "1MiB"])
        #expect(refused.status == 1 && refused.error.contains("more than the memory budget (1.00 MiB)"), "\(refused.error)")
        let enough = try #require(refused.error.firstMatch(of: /--memory (\d+MiB) is the minimum/), "\(refused.error)")
        _ = try succeed(["generate-ids", llama, "--tokens", "1", "-n", "1", "--memory", String(enough.1)])
    }

    @Test("the cache is f16 for answers, f32 for numbers that are compared, and what was asked for")
    func cacheTypes() throws {
        func type(_ more: String...) throws -> String? {
            try json(try succeed(["plan", llama, "--json"] + more))["memory"]?["cache_type"]?.string
        }
        #expect(try type() == "f16" && type("--backend", "reference") == "f32" && type("--cache-type", "q8_0") == "q8_0")
        #expect(try CommandRun(["plan", llama, "--cache-type", "q5_0"]).status == 2)
        func logits(_ more: String...) throws -> Data {
            let file = FileManager.default.temporaryDirectory.appending(path: "cache-\(UUID()).safetensors")
            defer { try? FileManager.default.removeItem(at: file) }
            _ = try succeed(["logits", llama, "--tokens", "1,2,3,4,5", "-o", file.path] + more)
            return try Data(contentsOf: file)
        }
        #expect(try logits() == logits("--cache-type", "f32") && logits() != logits("--cache-type", "f16"))
        func divergence(_ type: String) throws -> Double? {
            let arguments = ["--cache-type", type, "--against-cache-type", "f32", "--tokens", "1,2,3,4,5,6,7,8", "--json"]
            return try json(try succeed(["eval", "kl", llama] + arguments))["mean_kl"]?.double
        }
        let (none, some) = (try #require(try divergence("auto")), try #require(try divergence("q8_0")))
        #expect(none == 0 && some > 0)
    }

    @Test(
        "what keeps a placement from being found ends a plan, too, with the words of loading",
        arguments: [
            ["--backend", "nosuch"], ["--backend", "example"], ["--set", "cpu.nosuch=1"], ["--place", "no.such.*=cpu"],
        ])
    func noPlan(_ arguments: [String]) throws {
        let plan = try CommandRun(["plan", llama, "--json"] + arguments)
        let load = try CommandRun(["generate-ids", llama, "--tokens", "1", "-n", "1"] + arguments)
        #expect(plan.status == 1 && plan.out.isEmpty && plan.error == load.error, "\(plan.error)")
    }

    @Test func arch() throws {
        #expect(try succeed(["arch", "list"]).contains("gemma3"))
        #expect(try json(try succeed(["arch", "show", "qwen3"]))["graph"] != nil)
        #expect(try succeed(["arch", "graph", llama]).contains("attention("))
        let run = try CommandRun(["arch", "check", "\(Fixtures.repository)/Sources/HadalArchitecture/Resources/gemma2.json"])
        #expect(run.status == 0, "\(run.error)")
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try #"{"hadal": "architecture/1", "name": "bad", "graf": []}"#.write(
            toFile: "\(folder)/bad.json", atomically: true, encoding: .utf8)
        let bad = try CommandRun(["arch", "check", "\(folder)/bad.json"])
        #expect(bad.status == 1 && bad.error.contains("bad.json:1:") && bad.error.contains("graf"), "\(bad.error)")
        #expect(!bad.error.contains("ExitCode"), "\(bad.error)")
    }

    @Test func backends() throws {
        let list = try json(try succeed(["backends", "--json"]))
        let names = list["backends"]?.array?.compactMap { $0["name"]?.string } ?? []
        #expect(Set(["cpu", "reference", "example"]).isSubset(of: names), "\(names)")
    }

    @Test("the example plugin passes the conformance kit")
    func pluginCheck() throws {
        let report = try json(try succeed(["plugin", "check", "\(Fixtures.products)/libhadal-example.so", "--json", "--cases", "8"]))
        #expect(report["passed"]?.bool == true)
    }

    @Test("ops that a backend lacks move when that is allowed, and are named when not")
    func fallback() throws {
        let refused = try CommandRun(["generate-ids", llama, "--tokens", "1,2", "-n", "3", "--backend", "example"])
        #expect(refused.status == 1 && refused.error.contains("--fallback"), "\(refused.error)")
        let moved = try CommandRun(["generate-ids", llama, "--tokens", "1,2", "-n", "3", "--backend", "example", "--fallback", "warn"])
        #expect(moved.status == 0 && moved.error.contains("attention"), "\(moved.error)")
        #expect(moved.out == (try succeed(["generate-ids", llama, "--tokens", "1,2", "-n", "3", "--backend", "reference"])))
        let plan = try json(try succeed(["plan", llama, "--json", "--backend", "example", "--fallback", "allow"]))
        #expect((plan["moves"]?.array?.count ?? 0) > 0 && (plan["exchange"]?["crossings"]?.int ?? 0) > 0)
        #expect(plan["copies"]?.int == 0, "both compute on the host's memory")
        // An error names every op that would move, by kind, and why.
        for move in plan["moves"]?.array ?? [] {
            let op = try #require(move["op"]?.string)
            #expect(refused.error.contains("\(op) ") && refused.error.contains("example: "), "\(op): \(refused.error)")
        }
    }

    @Test("a placement is written to a file, edited, and given back")
    func placement() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/plan.json"
        let tokens = ["--tokens", "1,2", "-n", "3"]
        let plain = try succeed(["generate-ids", llama] + tokens)
        let plan = try json(try succeed(["plan", llama, "--json", "--place", "attention=reference,rest=cpu", "-o", file]))
        let parts = plan["parts"]?.array ?? []
        #expect(parts.count > 2 && Set(parts.compactMap { $0["device"]?.string }) == ["reference", "cpu"])
        #expect(plan["device_memory"]?.array?.count == 2)
        #expect(try succeed(["generate-ids", llama, "--plan", file] + tokens) == plain)
        // Attention goes back, and the head elsewhere.
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacingOccurrences(of: "\"attention\"", with: "\"head.*\"").write(toFile: file, atomically: true, encoding: .utf8)
        let edited = try json(try succeed(["plan", llama, "--json", "--plan", file]))["parts"]?.array ?? []
        #expect(edited.compactMap { $0["device"]?.string } == ["cpu", "reference"])
        #expect(try succeed(["generate-ids", llama, "--plan", file, "-t", "1"] + tokens) == plain)
        // What fallback decides is written down, so that it is needed no more.
        _ = try succeed(["plan", llama, "--backend", "example", "--fallback", "allow", "-o", file])
        let moved = try json(try succeed(["plan", llama, "--json", "--plan", file]))
        let allowed = try json(try succeed(["plan", llama, "--json", "--backend", "example", "--fallback", "allow"]))
        func layout(_ plan: JSON) -> [String] {
            (plan["parts"]?.array ?? []).map { "\($0["device"]?.string ?? "") \($0["first"]?.string ?? "")" }
        }
        #expect(layout(moved) == layout(allowed) && moved["moves"]?.array?.isEmpty == true)
    }

    @Test(
        "a placement without sense is refused before anything is read",
        arguments: [
            ("nosuch=cpu", 1, "nosuch"), ("rest=nosuch", 1, "nosuch"), ("rest=cpu,linear=cpu", 2, "rest"), ("linear", 2, "pattern=backend"),
            ("layers 3-1=cpu", 2, "3-1"), ("layers 99-=cpu", 1, "99"), ("no.such.*=cpu", 1, "no.such.*"),
            ("linear=cpu,head.logits=cpu", 1, "earlier"),
            ("rest=cpu:9", 1, "9"),
        ])
    func badPlacement(_ rules: String, _ status: Int, _ word: String) throws {
        let run = try CommandRun(["generate-ids", llama, "--tokens", "1", "--place", rules])
        #expect(Int(run.status) == status && run.error.contains(word), "\(run.status) \(run.error)")
    }

    @Test func badPlanFile() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/plan.json"
        for (text, word) in [
            ("{", "plan.json"), ("{}", "not a plan file"), ("{\"hadal\": \"plan/9\", \"place\": []}", "plan/9"),
            ("{\"hadal\": \"plan/1\", \"place\": [{\"pattern\": \"rest\", \"backed\": \"cpu\"}]}", "backend"),
            ("{\"hadal\": \"plan/1\", \"place\": [{\"pattern\": \"\", \"backend\": \"cpu\"}]}", "plan.json:1"),
        ] {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let run = try CommandRun(["plan", llama, "--plan", file])
            #expect(run.status == 1 && run.error.contains(word), "\(text): \(run.error)")
        }
        #expect(try CommandRun(["plan", llama, "--plan", "\(folder)/nosuch.json"]).status == 1)
        #expect(try CommandRun(["plan", llama, "--plan", file, "--place", "rest=cpu"]).status == 2)
    }

    @Test func trace() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try succeed(["trace", llama, "--tokens", "1,2,3", "-o", "\(folder)/t.json", "--backend", "reference"])
        let events = try JSONDocument(contentsOf: "\(folder)/t.json").root["traceEvents"]?.array ?? []
        #expect(events.contains { $0["name"]?.string == "attention" && ($0["dur"]?.double ?? 0) > 0 })
        #expect(try succeed(["trace", llama, "--tokens", "1,2,3", "--compare", "cpu,reference"]).contains("agree"))
    }

    @Test func traceNamesTheFirstDifference() throws {
        // A tolerance that nothing can meet makes the first inexact op the culprit.
        let run = try CommandRun([
            "trace", llama, "--tokens", "1,2,3", "--compare", "cpu,reference", "--tolerance", "0", "--json", "--no-save",
        ])
        #expect(run.status == 1)
        #expect(try json(run.out)["first"]?["op"]?.string != nil)
    }

    @Test func synthesise() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/s.gguf"
        _ = try succeed(["synth", "llama", "--config", "\(llama)/config.json", "--type", "Q8_0", "-o", file])
        let text = try succeed(["run", file, "--raw", "-p", "abc", "--max-tokens", "3", "--json", "--seed", "1", "--ignore-eos"])
        #expect(try json(text)["generated_tokens"]?.int == 3)
        let cpu = try succeed(["generate-ids", file, "--tokens", "1,2,3", "-n", "4"])
        #expect(try json(cpu).array?.count == 4)
    }

    @Test func tokenizeRows() throws {
        guard let goldens = Fixtures.goldens else { return }
        let out = try succeed(
            ["tokenize", "\(goldens)/tokenizers/smollm2.vocab.gguf", "--jsonl"],
            input: "{\"text\": \"Hello world\", \"parse_special\": true}\n")
        #expect(try json(out)["ids"]?.array?.count == 2)
    }

    @Test func modelsAndStore() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let listing = try json(try succeed(["models", "--json"], environment: ["HADAL_MODELS": folder]))
        #expect(listing["available"]?.array?.contains { $0["name"]?.string == "smollm2" } == true)
        let run = try CommandRun(["inspect", "smollm2"], environment: ["HADAL_MODELS": folder])
        #expect(run.status == 1 && run.error.contains("hadal pull smollm2"), "\(run.error)")
    }

    @Test("a family in a directory of the user's own needs no rebuild")
    func ownFamily() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(atPath: llama, toPath: "\(folder)/model")
        let config = "\(folder)/model/config.json"
        let text = try String(contentsOfFile: config, encoding: .utf8).replacingOccurrences(
            of: "\"model_type\": \"llama\"", with: "\"model_type\": \"mine\"")
        try text.write(toFile: config, atomically: true, encoding: .utf8)
        try FileManager.default.createDirectory(atPath: "\(folder)/arch", withIntermediateDirectories: true)
        try #"{"hadal": "architecture/1", "name": "mine", "extends": "llama", "match": {"config.model_type": "mine"}}"#
            .write(toFile: "\(folder)/arch/mine.json", atomically: true, encoding: .utf8)
        let ids = try succeed(
            ["generate-ids", "\(folder)/model", "--tokens", "1,2,3", "-n", "4", "--backend", "reference"],
            environment: ["HADAL_ARCHITECTURE_PATH": "\(folder)/arch"])
        #expect(ids == (try succeed(["generate-ids", llama, "--tokens", "1,2,3", "-n", "4", "--backend", "reference"])))
    }
}
