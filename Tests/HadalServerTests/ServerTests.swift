import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalServer

/// A server over its connections, with a model that thinks, says something and calls a tool: "hmm", "Let me look.", get_weather in Oslo.
@Suite("Server", .serialized)
struct ServerTests {
    private static let tool =
        #"{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}"#
    private static let ask = #""messages": [{"role": "user", "content": "Weather?"}], "temperature": 0, "max_tokens": 300"#

    @Test("chat completions: thoughts, text, a call, and the turn after it")
    func chat() async throws {
        try await TestServer.with { server in
            let client = server.client
            let whole = try client.post("/v1/chat/completions", "{\(Self.ask), \"tools\": [\(Self.tool)]}").json()
            let message = try #require(whole["choices"]?.array?.first?["message"])
            #expect(message["reasoning_content"]?.string == "hmm" && message["content"]?.string == "Let me look.")
            let call = try #require(message["tool_calls"]?.array?.first)
            #expect(call["function"]?["name"]?.string == "get_weather" && call["function"]?["arguments"]?.string == #"{"city": "Oslo"}"#)
            #expect(whole["choices"]?.array?.first?["finish_reason"]?.string == "tool_calls")

            let stream = try client.post(
                "/v1/chat/completions",
                "{\(Self.ask), \"tools\": [\(Self.tool)], \"stream\": true, \"stream_options\": {\"include_usage\": true}}")
            #expect(stream.headers["content-type"]?.hasPrefix("text/event-stream") == true && stream.events.last?.data == "[DONE]")
            let chunks = try stream.eventValues()
            func joined(_ key: String) -> String {
                chunks.compactMap { $0["choices"]?.array?.first?["delta"]?[key]?.string }.joined()
            }
            #expect(joined("content") == "Let me look." && joined("reasoning_content") == "hmm")
            let deltas = chunks.compactMap { $0["choices"]?.array?.first?["delta"]?["tool_calls"]?.array?.first }
            #expect(deltas.count == 1 && deltas.first?["function"]?["arguments"]?.string == #"{"city": "Oslo"}"#)
            #expect(chunks.last?["usage"]?["completion_tokens"]?.int == whole["usage"]?["completion_tokens"]?.int)
            #expect(chunks.last?["choices"]?.array?.isEmpty == true)

            // The same turn, as a client sends it back: with keys in another order and a result in parts.
            let id = try #require(call["id"]?.string)
            let history = """
                {"messages": [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "Let me look.", "reasoning_content": "hmm",
                 "tool_calls": [{"function": {"arguments": "{\\"city\\":\\"Oslo\\"}", "name": "get_weather"}, "id": "\(id)", "type": "function"}]},
                 {"role": "tool", "tool_call_id": "\(id)", "content": [{"type": "text", "text": "sunny"}]}], "tools": [\(Self.tool)], "temperature": 0, "max_tokens": 300}
                """
            let prompt = try client.post("/apply-template", history).json()["prompt"]?.string
            #expect(prompt?.contains("\n{\"city\": \"Oslo\"}\n") ?? prompt?.contains(#"{"city": "Oslo"}"#) ?? false, "\(prompt ?? "")")
            #expect(prompt?.contains(id) == false)
            #expect(try client.post("/v1/chat/completions", history).status == 200)
        }
    }

    @Test("messages: blocks in their order, whole and streamed, and their counts")
    func messages() async throws {
        try await TestServer.with { server in
            let client = server.client
            let tool = #"{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}"#
            let body = "{\(Self.ask), \"tools\": [\(tool)]"
            let whole = try client.post("/v1/messages", body + "}").json()
            #expect(whole["content"]?.array?.compactMap { $0["type"]?.string } == ["thinking", "text", "tool_use"])
            #expect(whole["stop_reason"]?.string == "tool_use" && whole["content"]?.array?.last?["input"]?["city"]?.string == "Oslo")
            let stream = try client.post("/v1/messages", body + ", \"stream\": true}")
            let names = stream.events.compactMap(\.name)
            #expect(names.first == "message_start" && names.suffix(2) == ["message_delta", "message_stop"])
            let values = try stream.eventValues()
            let indexes = values.filter { $0["type"]?.string == "content_block_start" }.compactMap { $0["index"]?.int }
            #expect(indexes == [0, 1, 2] && names.count { $0 == "content_block_stop" } == 3)
            #expect(zip(names, values).allSatisfy { $0 == $1["type"]?.string })
            let count = try client.post("/v1/messages/count_tokens", body + "}").json()["input_tokens"]?.int
            let usage = try #require(whole["usage"])
            #expect(count == (usage["input_tokens"]?.int ?? 0) + (usage["cache_read_input_tokens"]?.int ?? 0))
        }
    }

    @Test("messages: the text that ended the answer, whole and streamed")
    func stopSequence() async throws {
        try await TestServer.with { server in
            let body = #"{\#(Self.ask), "stop_sequences": ["?", " look", "ook"]"#
            let whole = try server.client.post("/v1/messages", body + "}").json()
            #expect(whole["stop_reason"]?.string == "stop_sequence" && whole["stop_sequence"]?.string == " look")
            #expect(whole["content"]?.array?.last?["text"]?.string == "Let me")
            let stream = try server.client.post("/v1/messages", body + #", "stream": true}"#).eventValues()
            let delta = stream.first { $0["type"]?.string == "message_delta" }?["delta"]
            #expect(delta?["stop_reason"]?.string == "stop_sequence" && delta?["stop_sequence"]?.string == " look")
            let other = try server.client.post("/v1/messages", #"{\#(Self.ask), "stop_sequences": ["?"]}"#).json()
            #expect(other["stop_reason"]?.string != "stop_sequence" && other["stop_sequence"]?.isNull == true)
        }
    }

    @Test("tools beside a schema: the answer is calls, or a text that fits")
    func toolsBesideSchema() async throws {
        let schema =
            #""response_format": {"type": "json_schema", "json_schema": {"name": "s", "strict": true, "schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}}"#
        // It wants to say something before its call, which is neither, as much as to call.
        var model = ScriptedModel.caller()
        model.script["\n\n"] = ["Let me look.", "<｜tool▁call▁begin｜>"]
        model.script["<｜tool▁call▁end｜>"] = [ScriptedModel.end]
        try await TestServer.with(model) { server in
            func message(_ more: String) throws -> JSON {
                try #require(
                    try server.client.post("/v1/chat/completions", "{\(Self.ask), \(schema)\(more)}").json()["choices"]?.array?.first)
            }
            let either = try message(", \"tools\": [\(Self.tool)]")
            let call = either["message"]?["tool_calls"]?.array?.first?["function"]
            #expect(call?["name"]?.string == "get_weather" && either["finish_reason"]?.string == "tool_calls", "\(either.text())")
            #expect(either["message"]?["content"]?.string ?? "" == "")
            let required = try message(", \"tools\": [\(Self.tool)], \"tool_choice\": \"required\"")
            #expect(required["finish_reason"]?.string == "tool_calls")
            for more in ["", ", \"tools\": [\(Self.tool)], \"tool_choice\": \"none\""] {
                let text = try #require(try message(more)["message"]?["content"]?.string)
                #expect(text.hasPrefix("{"), "\(text)")
            }
        }
    }

    @Test("responses: items in their order, and events numbered from 0")
    func responses() async throws {
        try await TestServer.with { server in
            let client = server.client
            let body =
                #"{"input": "Weather?", "temperature": 0, "tools": [{"type": "function", "name": "get_weather", "parameters": {}}], "max_output_tokens": 300"#
            let whole = try client.post("/v1/responses", body + "}").json()
            #expect(whole["output"]?.array?.compactMap { $0["type"]?.string } == ["reasoning", "message", "function_call"])
            #expect(whole["status"]?.string == "completed")
            let stream = try client.post("/v1/responses", body + ", \"stream\": true}")
            let values = try stream.eventValues()
            #expect(values.compactMap { $0["sequence_number"]?.int } == Array(values.indices))
            #expect(values.first?["type"]?.string == "response.created" && values.last?["type"]?.string == "response.completed")
            let added = values.filter { $0["type"]?.string == "response.output_item.added" },
                done = values.filter { $0["type"]?.string == "response.output_item.done" }
            #expect(added.compactMap { $0["output_index"]?.int } == [0, 1, 2] && done.compactMap { $0["output_index"]?.int } == [0, 1, 2])
            #expect(zip(added, done).allSatisfy { $0["item"]?["id"]?.string == $1["item"]?["id"]?.string })
            let cut = try client.post("/v1/responses", #"{"input": "Weather?", "temperature": 0, "max_output_tokens": 2}"#).json()
            #expect(cut["status"]?.string == "incomplete" && cut["incomplete_details"]?["reason"]?.string == "max_output_tokens")
        }
    }

    @Test("Ollama: lines, calls as objects, and refused management")
    func ollama() async throws {
        try await TestServer.with { server in
            let client = server.client
            let body =
                #"{"model": "scripted:latest", "messages": [{"role": "user", "content": "Weather?"}], "options": {"temperature": 0}, "tools": [\#(Self.tool)]"#
            let whole = try client.post("/api/chat", body + ", \"stream\": false}").json()
            #expect(whole["message"]?["thinking"]?.string == "hmm" && whole["message"]?["content"]?.string == "Let me look.")
            #expect(whole["message"]?["tool_calls"]?.array?.first?["function"]?["arguments"]?["city"]?.string == "Oslo")
            let stream = try client.post("/api/chat", body + "}")
            let lines = try stream.body.split(separator: "\n").map { try JSONDocument(parsing: String($0), file: "line").root }
            #expect(stream.headers["content-type"] == "application/x-ndjson" && lines.last?["done"]?.bool == true)
            #expect(lines.compactMap { $0["message"]?["content"]?.string }.joined() == "Let me look.")
            #expect(try client.post("/api/pull", "{}").status == 403 && client.request("DELETE", "/api/delete", "{}").status == 403)
            #expect(try client.post("/api/chat", #"{"model": "scripted"}"#).json()["done_reason"]?.string == "load")
        }
    }

    @Test("Ollama: what is known of models")
    func ollamaModels() async throws {
        try await TestServer.with { server in
            let client = server.client
            let listed = try #require(try client.get("/api/tags").json()["models"]?.array?.first)
            #expect(listed["name"]?.string == "scripted:latest" && listed["model"]?.string == "scripted:latest")
            let size = try #require(FileManager.default.attributesOfItem(atPath: "\(server.folder)/model.gguf")[.size] as? Int)
            #expect(listed["size"]?.int == size && listed["digest"]?.string?.count == 64)
            #expect(listed["modified_at"]?.string?.hasPrefix("20") == true)
            let shown = try client.post("/api/show", #"{"model": "scripted"}"#).json()
            #expect(shown["modified_at"] == listed["modified_at"] && shown["details"] == listed["details"])
            let details = try #require(shown["details"])
            #expect(details["family"]?.string == "llama" && details["format"]?.string == "gguf")
            #expect(details["quantization_level"]?.string == "F32" && details["parameter_size"]?.string?.hasSuffix("K") == true)
            #expect(
                shown["template"]?.string?.contains("messages") == true && shown["modelfile"]?.string?.hasPrefix("FROM scripted\n") == true)
            let info = try #require(shown["model_info"])
            #expect(info["general.architecture"]?.string == "llama" && info["llama.block_count"]?.int == 1)
            #expect(info["llama.context_length"]?.int == 2048 && info["general.parameter_count"]?.int ?? 0 > 1000)
            #expect(info["tokenizer.ggml.tokens"]?.isNull == true && info["tokenizer.ggml.model"]?.string == "gpt2")
            #expect(shown["capabilities"]?.array?.compactMap(\.string) == ["completion", "tools", "thinking"])
            let loaded = try #require(try client.get("/api/ps").json()["models"]?.array?.first)
            #expect(loaded["context_length"]?.int == 2048 && loaded["digest"] == listed["digest"])
            #expect(loaded["expires_at"]?.string ?? "" > listed["modified_at"]?.string ?? "")
        }
    }

    @Test("errors have the form of their interface, and say what is wrong")
    func errors() async throws {
        try await TestServer.with(arguments: ["--max-body", "100000"]) { server in
            let client = server.client
            let unknown = #"{"model": "/etc/passwd", "max_tokens": 4, "messages": [{"role": "user", "content": "a"}]}"#
            let openAI = try client.post("/v1/chat/completions", unknown), anthropic = try client.post("/v1/messages", unknown)
            #expect(openAI.status == 404 && anthropic.status == 404)
            #expect(
                try openAI.json()["error"]?["code"]?.string == "model_not_found"
                    && anthropic.json()["error"]?["type"]?.string == "not_found_error")
            #expect(try client.post("/api/chat", unknown).json()["error"]?.string?.contains("not served") == true)
            for (body, status) in [
                ("{", 400), ("[]", 400), ("", 400), (#"{"messages": []}"#, 400), (String(repeating: "[", count: 90_000), 400),
            ] {
                #expect(try client.post("/v1/chat/completions", body).status == status, "\(body.prefix(20))")
            }
            #expect(try client.post("/v1/chat/completions", String(repeating: " ", count: 200_000)).status == 413)
            let long = try client.post(
                "/v1/chat/completions", #"{"messages": [{"role": "user", "content": "\#(String(repeating: "a", count: 5000))"}]}"#)
            #expect(try long.status == 400 && long.json()["error"]?["code"]?.string == "context_length_exceeded")
            let wrong = try client.get("/v1/chat/completions")
            #expect(wrong.status == 405 && wrong.headers["allow"] == "POST")
            // Without a page its address answers probes alone, and its routes are unknown.
            #expect(try client.get("/").headers["allow"] == "HEAD" && client.get("/hadal/state").status == 404)
            #expect(try client.get("/v1/nothing").status == 404 && client.get("/v1/models/scripted").status == 200)
            #expect(try client.get("/v1/models", headers: ["Host": "evil.example"]).status == 403)
            #expect(try client.get("/v1/models", headers: ["Origin": "http://evil.example"]).status == 403)
            let schema = try client.post(
                "/v1/chat/completions",
                "{\(Self.ask), \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"strict\": true, \"schema\": {\"type\": \"any object\"}}}}"
            )
            #expect(schema.status == 400)
            #expect(!server.log.contains("Weather") && !server.log.contains("passwd"), "\(server.log)")
        }
    }

    @Test("keys are asked for, but not by the health of the server")
    func keys() async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "# who may\nann:secret-of-ann\n".write(toFile: "\(folder)/keys", atomically: true, encoding: .utf8)
        chmod("\(folder)/keys", 0o600)
        try await TestServer.with(arguments: ["--api-key-file", "\(folder)/keys"]) { server in
            let client = server.client
            #expect(try client.get("/health").status != 401 && client.get("/v1/models").status == 401)
            let refused = try client.post("/v1/messages", "{}").json()
            #expect(refused["error"]?["type"]?.string == "authentication_error")
            #expect(try client.get("/v1/models", headers: ["Authorization": "Bearer secret-of-ann"]).status == 200)
            #expect(try client.get("/v1/models", headers: ["x-api-key": "secret-of-ann"]).status == 200)
            #expect(server.log.contains(" ann ") && !server.log.contains("secret"))
        }
    }

    @Test("every route that is described is there, and every metric has a type", arguments: [false, true])
    func described(hasPage: Bool) async throws {
        try await TestServer.with(hasPage: hasPage) { server in
            let client = server.client
            let paths = try #require(try client.get("/openapi.json").json()["paths"]?.object)
            #expect(paths.count > 20 && (paths["/hadal/state"] != nil) == hasPage)
            for path in paths.members {
                for method in path.value.object?.keys ?? [] {
                    let target = path.key.replacingOccurrences(of: "{model}", with: "scripted").replacingOccurrences(
                        of: "{name}", with: "index.html")
                    let response = try client.request(method.uppercased(), target, method == "post" ? "{}" : nil)
                    #expect(![404, 405, 500].contains(response.status), "\(method) \(path.key): \(response.status)")
                }
            }
            let metrics = try client.get("/metrics").body
            for line in metrics.split(separator: "\n") where !line.hasPrefix("#") {
                let name = line.prefix { $0 != " " && $0 != "{" }
                let family = name.replacingOccurrences(of: "_sum", with: "").replacingOccurrences(of: "_count", with: "")
                #expect(metrics.contains("# TYPE \(name) ") || metrics.contains("# TYPE \(family) "), "\(name)")
            }
        }
    }

    /// A model that says the same for ever.
    private static var endless: ScriptedModel {
        var model = ScriptedModel.thinker(thinksForever: true)
        model.contextLength = 100_000
        return model
    }

    private func running(_ client: TestClient) throws -> Int {
        let line = try client.get("/metrics").body.split(separator: "\n").first { $0.hasPrefix("hadal_requests_running") }
        return try #require(line?.split(separator: " ").last.flatMap { Int($0) })
    }

    @Test("a client that goes, or does not read, gives its place up", arguments: [false, true])
    func disconnects(isStalled: Bool) async throws {
        try await TestServer.with(Self.endless, arguments: ["--stall", "400ms"]) { server in
            let client = server.client
            _ = try client.post("/v1/chat/completions", #"{"messages": [{"role": "user", "content": "a"}], "max_tokens": 2}"#)
            let body = #"{"messages": [{"role": "user", "content": "a"}], "stream": true, "max_tokens": 1000000}"#
            var connections = try (0..<3).map { _ in try TestConnection(port: server.port) }
            for connection in connections {
                connection.send(TestClient.head("POST", "/v1/chat/completions", length: body.utf8.count, [:], server.port) + body)
                #expect(!connection.receive().isEmpty)
            }
            let begun = ContinuousClock.now + .seconds(30)
            while try running(client) < 3, ContinuousClock.now < begun { Thread.sleep(forTimeInterval: 0.02) }
            #expect(try running(client) == 3)
            if !isStalled { connections = [] }
            let limit = ContinuousClock.now + .seconds(30)
            while try running(client) > 0, ContinuousClock.now < limit { Thread.sleep(forTimeInterval: 0.02) }
            #expect(try running(client) == 0)
            withExtendedLifetime(connections) {}
        }
    }

    @Test("models are loaded when they are asked for, and let go when nobody needs them")
    func idle() async throws {
        try await TestServer.with(names: ["first", "second"], arguments: ["--idle", "300ms"]) { server in
            let client = server.client
            #expect(try client.get("/v1/models/second").json()["state"]?.string == "idle")
            let body = #"{"model": "second", "messages": [{"role": "user", "content": "a"}], "max_tokens": 2}"#
            #expect(try client.post("/v1/chat/completions", body).json()["model"]?.string == "second")
            let limit = ContinuousClock.now + .seconds(30)
            func isLoaded() throws -> Bool { try client.get("/v1/models/second").json()["state"]?.string == "ready" }
            while try isLoaded(), ContinuousClock.now < limit { Thread.sleep(forTimeInterval: 0.05) }
            #expect(try !isLoaded())
            #expect(try client.post("/v1/chat/completions", body).status == 200)
        }
    }

    @Test("a port in use is an error that says so")
    func start() async throws {
        try await TestServer.with { server in
            let process = Process(), error = Pipe()
            process.executableURL = URL(fileURLWithPath: "\(Fixtures.products)/hadal")
            process.arguments = ["serve", "\(server.folder)/model.gguf", "--no-page", "--port", "\(server.port)"]
            process.standardError = error
            try process.run()
            let text = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 1 && text.contains("cannot listen on 127.0.0.1:\(server.port)"), "\(text)")
        }
    }
}
