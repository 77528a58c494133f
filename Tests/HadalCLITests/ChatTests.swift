import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

/// `run` and `chat` with models that reason and call tools: scripted by their weights, see `ScriptedModel`.
@Suite("Chats", .serialized)
struct ChatTests {
    private func withModel(_ model: ScriptedModel, named name: String = "model.gguf", _ body: (String, String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try model.write(to: "\(folder)/\(name)")
        try body("\(folder)/\(name)", folder)
    }

    private func run(_ arguments: [String], input: String? = nil, environment: [String: String] = [:], status: Int32 = 0) throws
        -> CommandRun
    {
        let run = try CommandRun(arguments, input: input, environment: environment)
        #expect(run.status == status, "\(arguments): \(run.error)")
        return run
    }

    private func json(_ text: String) throws -> JSON { try JSONDocument(parsing: text, file: "stdout").root }

    private static let tools =
        #"[{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]"#

    @Test("questions on stdin, answers on stdout", arguments: ["llama", "qwen2"])
    func pipe(architecture: String) throws {
        var model = ScriptedModel.thinker()
        model.architecture = architecture
        try withModel(model) { path, _ in
            let chat = try run(["chat", path, "--temperature", "0"], input: "Where?\nAnd now?\n/stats\n")
            #expect(chat.out == "Paris.\nParis.\n")
            #expect(!chat.error.contains("hmm") && chat.error.contains("(2 of reasoning)") && chat.error.contains("temperature 0.0 (flag)"))
        }
    }

    @Test("reasoning is shown where it was asked for, and never mixed into a piped answer")
    func display() throws {
        try withModel(.thinker()) { path, _ in
            let base = ["run", path, "-p", "Where?", "--temperature", "0"]
            #expect(try run(base).out == "Paris.\n")
            let shown = try run(base + ["--reasoning", "show"])
            #expect(shown.out == "Paris.\n" && shown.error.hasPrefix("hmm, yes\n"))
            let hidden = try run(base + ["--reasoning", "hide"])
            #expect(hidden.out == "Paris.\n" && !hidden.error.contains("hmm"))
            #expect(try run(base + ["--reasoning", "only"]).out == "hmm, yes\n")
            _ = try run(base + ["--reasoning", "loud"], status: 2)
        }
    }

    @Test func reasoningInJSON() throws {
        try withModel(.thinker(thinksForever: true)) { path, _ in
            let base = ["run", path, "-p", "Where?", "--temperature", "0", "--json"]
            let result = try json(try run(base + ["--reasoning-budget", "5"]).out)
            #expect(result["text"]?.string == "Paris." && result["reasoning"]?.string?.hasPrefix("hmm, yes andhmm, yes") == true)
            #expect(result["reasoning_tokens"]?.int == 5 && result["finish_reason"]?.string == "stop")
            #expect(result["generated_tokens"]?.int == result["tokens"]?.array?.count)
            #expect((result["injected_tokens"]?.int ?? 0) > 0 && result["tool_calls"]?.array?.isEmpty == true)
            let off = try json(try run(base + ["--think", "off"]).out)
            #expect(off["text"]?.string == "Paris." && off["reasoning"]?.string == "" && off["reasoning_tokens"]?.int == 0)
            let cut = try run(["run", path, "-p", "Where?", "--temperature", "0", "--max-tokens", "6"])
            #expect(cut.out == "\n" && cut.error.contains("--reasoning-budget"))
            _ = try run(base + ["--reasoning-budget", "-1"], status: 2)
            _ = try run(base + ["--think", "maybe"], status: 2)
            _ = try run(["run", path, "--raw", "-p", "x", "--think", "on"], status: 2)
            _ = try run(["run", path], status: 2)
        }
    }

    @Test func toolCalls() throws {
        try withModel(.caller()) { path, folder in
            try Self.tools.write(toFile: "\(folder)/tools.json", atomically: true, encoding: .utf8)
            let base = ["run", path, "--temperature", "0", "--tools", "\(folder)/tools.json"]
            let result = try json(try run(base + ["-p", "Weather?", "--json"]).out)
            #expect(
                result["text"]?.string == "Let me look." && result["reasoning"]?.string == "hmm"
                    && result["finish_reason"]?.string == "tool_calls")
            let calls = try #require(result["tool_calls"]?.array)
            #expect(calls.count == 1 && calls[0]["type"]?.string == "function" && calls[0]["function"]?["name"]?.string == "get_weather")
            #expect(calls[0]["function"]?["arguments"]?.string == #"{"city": "Oslo"}"#)
            let plain = try run(base + ["-p", "Weather?"])
            #expect(plain.out.hasPrefix("Let me look.\n{") && plain.out.contains(#""arguments": {"city": "Oslo"}"#), "\(plain.out)")
            // The call and its result as a conversation to go on with.
            let messages: JSON = [
                ["role": "user", "content": "Weather?"], ["role": "assistant", "content": "", "tool_calls": JSON(.array(calls))],
                ["role": "tool", "content": "21", "tool_call_id": calls[0]["id"] ?? .null],
            ]
            try messages.text().write(toFile: "\(folder)/messages.json", atomically: true, encoding: .utf8)
            let second = try json(try run(base + ["--messages", "\(folder)/messages.json", "--json"]).out)
            #expect(second["tool_calls"]?.array?.first?["id"]?.string == "call00002")
            try "{}".write(toFile: "\(folder)/bad.json", atomically: true, encoding: .utf8)
            #expect(try run(["run", path, "-p", "x", "--tools", "\(folder)/bad.json"], status: 1).error.contains("bad.json"))
        }
    }

    @Test("in a chat the user gives the results of calls")
    func toolResults() throws {
        var model = ScriptedModel.caller()
        // After a result there is another thought, and an answer.
        model.words += ["so", "21 degrees."]
        model.template = model.template?.replacingOccurrences(
            of: "{% if add_generation_prompt %}",
            with: "{% if messages[-1]['role'] == 'tool' %}{{ '<｜Assistant｜>' }}{% elif add_generation_prompt %}")
        model.script["<｜Assistant｜>"] = ["so"]
        model.script["so"] = ["21 degrees."]
        model.script["21 degrees."] = [ScriptedModel.end]
        try withModel(model) { path, folder in
            try Self.tools.write(toFile: "\(folder)/tools.json", atomically: true, encoding: .utf8)
            let chat = try run(["chat", path, "--temperature", "0", "--tools", "\(folder)/tools.json"], input: "Weather?\n21\n")
            #expect(chat.out.hasSuffix("so21 degrees.\n") && chat.out.contains("get_weather"), "\(chat.out)")
            // Without results the chat ends with its input.
            let cut = try run(["chat", path, "--temperature", "0", "--tools", "\(folder)/tools.json"], input: "Weather?\n")
            #expect(cut.out.contains("get_weather") && !cut.out.contains("21 degrees"))
        }
    }

    @Test("flags win over the catalogue, that over the model's file, that over what is built in")
    func sampling() throws {
        var model = ScriptedModel.thinker()
        model.extraMetadata = [
            ("general.sampling.temp", .float32(0.5)), ("general.sampling.top_k", .int32(7)), ("general.sampling.top_p", .float32(0.75)),
        ]
        try withModel(model) { path, folder in
            let bytes = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
            try FileManager.default.createDirectory(atPath: "\(folder)/store/mine", withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: path, toPath: "\(folder)/store/mine/model.gguf")
            let catalogue = """
                {"hadal": "catalogue/1", "models": {"mine": {"description": "d", "licence": "l", "sampling": {"temperature": 0.25, "top_k": 3},
                 "files": [{"name": "model.gguf", "bytes": \(bytes), "sha256": "\(String(repeating: "0", count: 64))"}]}}}
                """
            try catalogue.write(toFile: "\(folder)/store/catalogue.json", atomically: true, encoding: .utf8)
            func sampling(_ model: String, _ more: [String] = []) throws -> JSON {
                let arguments = ["run", model, "-p", "x", "--json", "--max-tokens", "1"] + more
                return try #require(try json(try run(arguments, environment: ["HADAL_MODELS": "\(folder)/store"]).out)["sampling"])
            }
            let file = try sampling(path)
            #expect(file["temperature"]?.double == 0.5 && file["top_k"]?.int == 7 && file["from"]?["top_k"]?.string == "model")
            #expect(file["min_p"]?.double == 0 && file["from"]?["min_p"]?.string == "built-in")
            for entry in [try sampling("mine"), try sampling("\(folder)/store/mine/model.gguf")] {
                #expect(
                    entry["temperature"]?.double == 0.25 && entry["from"]?["temperature"]?.string == "catalogue" && entry["top_k"]?.int == 3
                )
                #expect(entry["top_p"]?.double == 0.75 && entry["from"]?["top_p"]?.string == "model")
            }
            let flag = try sampling("mine", ["--temperature", "0.9"])
            #expect(flag["temperature"]?.double == 0.9 && flag["from"]?["temperature"]?.string == "flag" && flag["top_k"]?.int == 3)
        }
    }

    @Test("what is known of a model by its name counts wherever the file is", arguments: ["DeepSeek R1 Distill Llama 8B", "x"])
    func samplingByName(name: String) throws {
        var model = ScriptedModel.thinker()
        model.extraMetadata = [("general.name", MetadataValue(name))]
        try withModel(model, named: "m.gguf") { path, folder in
            let out = try run(["run", path, "-p", "x", "--json", "--max-tokens", "1"], environment: ["HADAL_MODELS": "\(folder)/store"]).out
            let sampling = try #require(try json(out)["sampling"])
            #expect(sampling["temperature"]?.double == (name == "x" ? 0.8 : 0.6))
            #expect(sampling["from"]?["temperature"]?.string == (name == "x" ? "built-in" : "catalogue"))
        }
    }

    @Test("thoughts that were not opened are in no piped answer")
    func reasoningThatWasNotOpened() throws {
        var model = ScriptedModel.thinker()
        model.template = "{% for m in messages %}{{ '<｜User｜>' + m.content }}{% endfor %}{# <think> #}<｜Assistant｜>"
        model.script["<｜Assistant｜>"] = ["hmm"]
        try withModel(model) { path, _ in
            let base = ["run", path, "-p", "Where?", "--temperature", "0"]
            #expect(try run(base).out == "Paris.\n")
            #expect(try run(base + ["--reasoning", "only"]).out == "hmm, yes\n")
            #expect(try run(base + ["--reasoning", "show"]).error.hasPrefix("hmm, yes\n"))
            for more in [[], ["--think", "off"], ["--reasoning-budget", "0"]] {
                let result = try json(try run(base + ["--json"] + more).out)
                #expect(
                    result["text"]?.string == "Paris." && result["reasoning"]?.string == "hmm, yes" && result["reasoning_tokens"]?.int == 2,
                    "\(more)")
            }
            #expect(try run(["chat", path, "--temperature", "0"], input: "Where?\nAnd now?\n").out == "Paris.\nParis.\n")
        }
    }

    @Test func integersOfAnySize() throws {
        try withModel(.caller(#"{"city": 12345678901234567890}"#)) { path, folder in
            try Self.tools.write(toFile: "\(folder)/tools.json", atomically: true, encoding: .utf8)
            let base = ["run", path, "--temperature", "0", "--tools", "\(folder)/tools.json", "-p", "Weather?"]
            #expect(try run(base).out.contains(#""arguments": {"city": 12345678901234567890}"#))
            let call = try json(try run(base + ["--json", "--seed", "18446744073709551615"]).out)
            #expect(call["tool_calls"]?.array?.first?["function"]?["arguments"]?.string == #"{"city": 12345678901234567890}"#)
            #expect(call["seed"]?.text() == "18446744073709551615")
            try "{{ messages | tojson }}".write(toFile: "\(folder)/t.jinja", atomically: true, encoding: .utf8)
            let messages = #"[{"role": "user", "content": "", "n": -170141183460469231731687303715884105729}]"#
            #expect(try run(["template", "\(folder)/t.jinja", "--messages", "-"], input: messages).out == messages)
        }
    }
}
