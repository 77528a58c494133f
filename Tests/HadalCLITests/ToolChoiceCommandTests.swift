import Foundation
import HadalCore
import TestSupport
import Testing

/// `hadal run --tool-choice`, with a scripted model that reasons, says something and calls a tool in a city of its own choice.
@Suite("Tool choice on the command line")
struct ToolChoiceCommandTests {
    /// Both tools allow other arguments than the model's.
    private static let tools = #"""
        [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object",
          "properties": {"city": {"enum": ["Rome"]}}, "required": ["city"], "additionalProperties": false}}},
         {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object",
          "properties": {"zone": {"enum": ["UTC"]}}, "required": ["zone"], "additionalProperties": false}}}]
        """#

    /// - Parameter body: runs `hadal run` with the model, the file of tools where one is given, and further arguments.
    private func withModel(_ body: (_ run: (_ arguments: [String], _ hasTools: Bool) throws -> CommandRun) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var model = ScriptedModel.caller()
        model.script["<｜tool▁call▁end｜>"] = ["<｜tool▁calls▁end｜>", ScriptedModel.end]
        try model.write(to: "\(folder)/model.gguf")
        try Self.tools.write(toFile: "\(folder)/tools.json", atomically: true, encoding: .utf8)
        let base = ["run", "\(folder)/model.gguf", "--temperature", "0", "--max-tokens", "1500", "-p", "Weather?", "--json"]
        try body { try CommandRun(base + ($1 ? ["--tools", "\(folder)/tools.json"] : []) + $0) }
    }

    private func calls(_ run: CommandRun) throws -> (text: String?, calls: [JSON], reason: String?) {
        #expect(run.status == 0, "\(run.error)")
        let reply = try JSONDocument(parsing: run.out, file: "stdout").root
        return (reply["text"]?.string, reply["tool_calls"]?.array ?? [], reply["finish_reason"]?.string)
    }

    private func argument(_ call: JSON, _ name: String) throws -> String? {
        try JSONDocument(parsing: try #require(call["function"]?["arguments"]?.string), file: "arguments").root[name]?.string
    }

    @Test("auto leaves the call to the model, none offers no tool")
    func free() throws {
        try withModel { run in
            for arguments in [[], ["--tool-choice", "auto"]] {
                let free = try calls(try run(arguments, true))
                #expect(free.text == "Let me look." && free.calls.count == 1 && free.reason == "tool_calls")
                #expect(try argument(free.calls[0], "city") == "Oslo")
            }
            // What the script says is then text like any other.
            let none = try calls(try run(["--tool-choice", "none"], true))
            #expect(none.calls.isEmpty && none.reason == "stop" && none.text?.contains("Oslo") == true, "\(none)")
        }
    }

    @Test("required and a name enforce a call with arguments of its schema")
    func enforced() throws {
        try withModel { run in
            let required = try calls(try run(["--tool-choice", "required"], true))
            #expect(required.text == "" && !required.calls.isEmpty && required.reason == "tool_calls")
            for call in required.calls where call["function"]?["name"]?.string == "get_weather" {
                #expect(try argument(call, "city") == "Rome")
            }
            // The script would call the other one.
            let named = try calls(try run(["--tool-choice", "get_time"], true))
            #expect(named.text == "" && named.calls.map { $0["function"]?["name"]?.string } == ["get_time"])
            #expect(try argument(try #require(named.calls.first), "zone") == "UTC")
        }
    }

    @Test("what cannot be enforced is refused")
    func refused() throws {
        try withModel { run in
            let unknown = try run(["--tool-choice", "get_tides"], true)
            #expect(unknown.status == 1 && unknown.out.isEmpty && unknown.error.contains("get_tides"), "\(unknown.error)")
            for choice in ["required", "auto", "none", "get_weather"] {
                let without = try run(["--tool-choice", choice], false)
                #expect(without.status == 2 && without.error.contains("--tool-choice requires --tools"), "\(without.error)")
            }
            let both = try run(["--tool-choice", "required", "--regex", "a"], true)
            #expect(both.status != 0 && both.out.isEmpty, "\(both.out)")
        }
    }

    @Test("required without a tool to call is refused")
    func noTools() throws {
        try withModel { run in
            let folder = try Fixtures.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try "[]".write(toFile: "\(folder)/none.json", atomically: true, encoding: .utf8)
            let none = try run(["--tool-choice", "required", "--tools", "\(folder)/none.json"], false)
            #expect(none.status == 1 && none.out.isEmpty && none.error.contains("tool"), "\(none.error)")
        }
    }
}
