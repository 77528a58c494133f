import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

/// What the files of a model say about generating, and prompts from stdin, as a run has them.
@Suite("Generation files", .serialized)
struct GenerationFileTests {
    private static let words = ["one", "two", "three", "four"]

    /// A model that says one two three four, and then ends; after "x" it would say "four" as gladly as "one".
    private func run(
        _ arguments: [String], prompt: String = "x", metadata: [(key: String, value: MetadataValue)] = [], input: String? = nil
    ) throws -> JSON {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var model = ScriptedModel(
            words: Self.words, template: nil,
            script: ["x": ["one"], "one": ["two"], "two": ["three"], "three": ["four"], "four": [ScriptedModel.end]])
        model.extraMetadata = metadata
        try model.write(to: "\(folder)/m.gguf")
        let run = try CommandRun(
            ["run", "\(folder)/m.gguf", "--raw", "-p", prompt, "--json", "--backend", "reference"] + arguments, input: input)
        #expect(run.status == 0, "\(run.error)")
        return try JSONDocument(parsing: run.out, file: "stdout").root
    }

    @Test("a prompt from stdin is what the same prompt on the command line is", arguments: ["x", "x\n", "x\r\n", "\u{FEFF}x\n"])
    func standardInput(_ input: String) throws {
        let (piped, given) = (try run(["--temperature", "0"], prompt: "-", input: input), try run(["--temperature", "0"]))
        #expect(
            piped["prompt_tokens"] == given["prompt_tokens"] && piped["text"] == given["text"] && given["text"]?.string == "onetwothreefour"
        )
    }

    @Test("only the last line end is no part of the prompt")
    func innerLineEnds() throws {
        let one = ["--temperature", "0", "--max-tokens", "1"]
        #expect(try run(one, prompt: "-", input: "x\n\n")["prompt_tokens"] == run(one, prompt: "x\n")["prompt_tokens"])
    }

    @Test("settings and their sources")
    func sources() throws {
        let model = try run(
            ["--seed", "1"], metadata: [("general.sampling.temp", .float32(0)), ("general.sampling.penalty_last_n", .int32(64))])
        let sampling = try #require(model["sampling"])
        #expect(sampling["temperature"]?.double == 0 && sampling["penalty_window"]?.int == 64 && sampling["top_k"]?.int == 40)
        #expect(sampling["from"]?["temperature"]?.string == "model" && sampling["from"]?["penalty_window"]?.string == "model")
        #expect(sampling["from"]?["top_k"]?.string == "built-in")
        let flags = try run(
            ["--penalty-window", "0", "--stop", "two", "--max-tokens", "3", "--temperature", "0"],
            metadata: [("general.sampling.penalty_last_n", .int32(64))])
        #expect(flags["sampling"]?["penalty_window"]?.int == 0 && flags["sampling"]?["from"]?["penalty_window"]?.string == "flag")
        #expect(flags["sampling"]?["stop"]?.array?.count == 1 && flags["sampling"]?["from"]?["max_tokens"]?.string == "flag")
        #expect(flags["text"]?.string == "one" && flags["finish_reason"]?.string == "stop_string")
    }

    /// The small model of the fixtures, with ids for a vocabulary.
    private func directory(_ generation: String, _ body: (_ model: String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = "\(folder)/model"
        try FileManager.default.copyItem(atPath: Fixtures.path("models/llama"), toPath: model)
        let entries = (0..<384).map { "\"<\($0)>\": \($0)" }.joined(separator: ", ")
        try
            "{\"model\": {\"type\": \"BPE\", \"vocab\": {\(entries)}, \"merges\": []}, \"added_tokens\": [{\"id\": 5, \"content\": \"<5>\", \"special\": false}]}"
            .write(toFile: "\(model)/tokenizer.json", atomically: true, encoding: .utf8)
        try generation.write(toFile: "\(model)/generation_config.json", atomically: true, encoding: .utf8)
        try body(model)
    }

    private func reply(_ model: String, _ arguments: [String] = []) throws -> (JSON, String) {
        let run = try CommandRun(
            ["run", model, "--raw", "-p", "<5><5><5>", "--json", "--ignore-eos", "--backend", "reference"] + arguments)
        #expect(run.status == 0, "\(run.error)")
        return (try JSONDocument(parsing: run.out, file: "stdout").root, run.error)
    }

    @Test("generation_config.json: greedy, limits, texts and tokens")
    func generationConfig() throws {
        var plain: [Int] = []
        try directory(#"{"do_sample": false, "max_new_tokens": 6, "num_beams": 3}"#) { model in
            let (json, error) = try reply(model)
            plain = json["tokens"]?.array?.compactMap(\.int) ?? []
            #expect(plain.count == 6 && json["finish_reason"]?.string == "length" && json["sampling"]?["temperature"]?.double == 0)
            #expect(
                json["sampling"]?["from"]?["temperature"]?.string == "model" && json["sampling"]?["from"]?["max_tokens"]?.string == "model")
            #expect(error.contains("generation_config.json:1:") && error.contains("num_beams"), "\(error)")
            #expect(try reply(model, ["--max-tokens", "4"]).0["generated_tokens"]?.int == 4)
            #expect(try reply(model, ["--max-tokens", "-1", "--context", "16"], fullContext: true)["generated_tokens"]?.int == 14)
        }
        try directory(#"{"do_sample": false, "max_length": 8}"#) { (model: String) throws in
            #expect(try reply(model).0["generated_tokens"]?.int == 5)
            #expect(try reply(model, ["--max-tokens", "7"]).0["generated_tokens"]?.int == 7)
        }
        // Neither chosen by a run, nor by drafts, nor where ids are generated alone.
        let banned = plain[0]
        try directory("{\"do_sample\": false, \"max_new_tokens\": 6, \"suppress_tokens\": [\(banned)]}") { model in
            let tokens = try reply(model).0["tokens"]
            #expect(tokens?.array?.contains { $0.int == banned } == false)
            #expect(try reply(model, ["--speculate", "draft:\(model)"]).0["tokens"] == tokens)
            let sampled = try reply(model, ["--temperature", "2", "--top-k", "0", "--max-tokens", "100"]).0["tokens"]
            #expect(sampled?.array?.contains { $0.int == banned } == false)
            let ids = try CommandRun(["generate-ids", model, "--tokens", "5,5,5", "-n", "6", "--backend", "reference"])
            #expect(try JSONDocument(parsing: ids.out, file: "ids").root == tokens, "\(ids.error)")
        }
        try directory("{\"do_sample\": false, \"max_new_tokens\": 6, \"stop_strings\": \"<\(plain[2])>\"}") { model in
            let (json, _) = try reply(model, ["--stop", "nowhere"])
            #expect(
                json["finish_reason"]?.string == "stop_string" && json["generated_tokens"]?.int == 1 + (plain.firstIndex(of: plain[2]) ?? 0)
            )
            #expect(json["sampling"]?["from"]?["stop"]?.string == "flag, model" && json["sampling"]?["stop"]?.array?.count == 2)
        }
    }

    private func reply(_ model: String, _ arguments: [String], fullContext: Bool) throws -> JSON {
        let run = try CommandRun(
            ["run", model, "--raw", "-p", "<5><5><5>", "--json", "--ignore-eos", "--backend", "reference"] + arguments)
        #expect(run.status == 1 && run.error.contains("context"), "\(run.error)")
        return try JSONDocument(parsing: run.out, file: "stdout").root
    }

    @Test("a byte-order mark before messages is skipped, from a file and from stdin")
    func messages() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = "\u{FEFF}[{\"role\": \"user\", \"content\": \"hi\"}]\n"
        try text.write(toFile: "\(folder)/m.json", atomically: true, encoding: .utf8)
        try "{{ messages[0]['content'] }}".write(toFile: "\(folder)/t.jinja", atomically: true, encoding: .utf8)
        for (argument, input) in [("\(folder)/m.json", nil), ("-", text)] {
            let run = try CommandRun(["template", "\(folder)/t.jinja", "--messages", argument], input: input)
            #expect(run.status == 0 && run.out == "hi", "\(run.error)")
        }
    }

    @Test(
        arguments: [
            (#"{"a": 1}"#, nil, "m.json:1:1: expected an array of messages, not an object"),
            ("5", nil, "m.json:1:1: expected an array of messages, not an integer"),
            (#"{"messages": "x"}"#, nil, "m.json:1:14: expected an array of messages, not a string"),
            ("[]", #"{"name": "f"}"#, "t.json:1:1: expected an array of tools, not an object"),
            ("[]", #"{"tools": null}"#, "t.json:1:11: expected an array of tools, not null"),
        ] as [(String, String?, String)])
    func whatIsNoListOfMessagesOrTools(messages: String, tools: String?, words: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "{% for m in messages %}{{ m.content }}{% endfor %}".write(toFile: "\(folder)/t.jinja", atomically: true, encoding: .utf8)
        try messages.write(toFile: "\(folder)/m.json", atomically: true, encoding: .utf8)
        try tools?.write(toFile: "\(folder)/t.json", atomically: true, encoding: .utf8)
        let files = ["--messages", "\(folder)/m.json"] + (tools == nil ? [] : ["--tools", "\(folder)/t.json"])
        let run = try CommandRun(["template", "\(folder)/t.jinja"] + files)
        #expect(run.status == 1 && run.error.contains(words), "\(run.error)")
    }
}
