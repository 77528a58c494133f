import ArgumentParser
import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalCLI

/// Options of `hadal serve` that variables and a file give.
@Suite("Settings of hadal serve")
struct ServeSettingsTests {
    private func withFile(_ text: String, _ body: (_ path: String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try text.write(toFile: "\(folder)/serve.json", atomically: true, encoding: .utf8)
        try body("\(folder)/serve.json")
    }

    private func command(_ arguments: [String], _ environment: [String: String] = [:]) throws -> ServeCommand {
        let all = try ServeSettings.expanded(["serve"] + arguments, environment: environment)
        return try ServeCommand.parse(NumericArguments.joined(Array(all.dropFirst())))
    }

    private func failure(_ arguments: [String], _ environment: [String: String] = [:]) -> HadalError? {
        do { _ = try ServeSettings.expanded(["serve"] + arguments, environment: environment) } catch { return error as? HadalError }
        return nil
    }

    @Test("the command line counts first, then variables, then the file")
    func order() throws {
        try withFile(
            #"{"models": ["a", "b"], "port": 1, "queue": 2, "parallel": 3, "allow-host": ["x"], "any-model": true, "stall": "5s", "threads": -1}"#
        ) { path in
            let all = ["HADAL_SERVE_PORT": "11", "HADAL_SERVE_QUEUE": "12", "HADAL_SERVE_ALLOW_HOST": "y,z", "HADAL_SERVE_HOST": ""]
            let serve = try command(["--config", path, "--port", "21"], all)
            #expect(serve.port == 21 && serve.queue == 12 && serve.parallel == 3 && serve.models == ["a", "b"])
            #expect(serve.hosts == ["y", "z"] && serve.anyModel && serve.stall == .seconds(5) && serve.host == "127.0.0.1")
            let own = try command(["c", "--allow-host=w"], all.merging(["HADAL_SERVE_CONFIG": path]) { $1 })
            #expect(own.models == ["c"] && own.hosts == ["w"] && own.port == 11)
            let off = try command(["-p", "7"], ["HADAL_SERVE_ANY_MODEL": "0", "HADAL_SERVE_MODELS": "d,-e", "HADAL_SERVE_CONFIG": path])
            #expect(!off.anyModel && off.models == ["d", "-e"] && off.port == 7)
        }
    }

    @Test("every option has a key and a variable")
    func complete() throws {
        let table = try ServeSettings.table(), help = ServeCommand.helpMessage(columns: 500)
        let shown = help.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("  -"), let name = line.split(separator: " ").first(where: { $0.hasPrefix("--") }) else { return nil }
            return String(name.dropFirst(2))
        }
        #expect(shown.count > 30 && Set(shown).subtracting(table.entries.map(\.key)) == ["help"])
        #expect(Set(table.entries.map { ServeSettings.variable($0.key) }).count == table.entries.count)
        #expect(table["models"]?.names == [] && table["port"]?.names == ["--port", "-p"] || table["port"]?.names == ["-p", "--port"])
        // Each is taken by the parser as it is written here, though it may not like the value.
        for entry in table.entries where entry.key != "config" {
            let setting = try Setting("1", of: entry, variable: "x")
            do { _ = try ServeCommand.parse(setting.arguments) } catch {
                #expect(!ServeCommand.message(for: error).contains("Unknown option"), "\(setting.arguments)")
            }
        }
    }

    @Test(
        "what a file cannot say is an error with line and column",
        arguments: [
            ("{\"models\": [\"a\"],\n  \"prot\": 1}", 2, 3, "unknown key 'prot'"),
            ("{\"models\": \"a\"}", 1, 12, "'models' must be an array"),
            ("{\"any-model\": \"yes\"}", 1, 15, "'any-model' must be true or false"),
            ("{\"host\": true}", 1, 10, "'host' must be a string or a number"),
            ("{\"allow-host\": [\"a\", null]}", 1, 22, "'allow-host' must be an array of strings"),
            ("{\"port\": {}}", 1, 10, "'port' must be"), ("{\"config\": \"other\"}", 1, 2, "unknown key 'config'"),
            ("[]", 1, 1, "must be an object"),
            ("{\"models\": [\"a\"],\n \"port\": 70000}", 2, 10, "between 0 and 65535"),
            ("{\"store\": true, \"idle\": \"soon\"}", 1, 25, "must be a time"),
            ("{\"models\": [\"a\"], \"cache-limit\": \"1GiB\"}", 1, 34, "--cache-limit requires --cache-dir"),
        ])
    func faults(text: String, line: Int, column: Int, message: String) throws {
        try withFile(text) { path in
            let error = try #require(failure(["--config", path]))
            #expect(error.message.contains(message) && error.place == SourcePlace(path, .text(line: line, column: column)), "\(error)")
        }
    }

    @Test("a variable that stands for no option, or has a value that its option does not take, is an error that names it")
    func variables() throws {
        let unknown = try #require(failure(["m"], ["HADAL_SERVE_PROT": "1"]))
        #expect(unknown.place == SourcePlace("HADAL_SERVE_PROT") && unknown.message.contains("no option"))
        let wrong = try #require(failure(["m"], ["HADAL_SERVE_PORT": "many"]))
        #expect(wrong.place == SourcePlace("HADAL_SERVE_PORT") && wrong.message.contains("must be an integer"))
        let flag = try #require(failure(["m"], ["HADAL_SERVE_STORE": "perhaps"]))
        #expect(flag.place == SourcePlace("HADAL_SERVE_STORE") && flag.message.contains("must be true or false"))
        // Other commands have nothing to do with them, and help is always given.
        #expect(try ServeSettings.expanded(["run", "m"], environment: ["HADAL_SERVE_PROT": "1"]) == ["run", "m"])
        #expect(try ServeSettings.expanded(["serve", "--help"], environment: ["HADAL_SERVE_PROT": "1"]) == ["serve", "--help"])
    }

    @Test("what is wrong on the command line alone is the parser's to say")
    func ownFaults() throws {
        try withFile(#"{"models": ["a"]}"#) { path in
            #expect(failure(["--config", path, "--port", "many"]) == nil && failure(["--config", path, "--nonsense"]) == nil)
            let run = try CommandRun(["serve", "--config", path, "--port", "many"])
            #expect(run.status == 2 && run.error.contains("must be an integer"))
        }
        let run = try CommandRun(["serve"], environment: ["HADAL_SERVE_NO_PAGE": "1", "HADAL_SERVE_QUEUES": "1"])
        #expect(run.status == 1 && run.error.contains("HADAL_SERVE_QUEUES"), "\(run.error)")
    }
}
