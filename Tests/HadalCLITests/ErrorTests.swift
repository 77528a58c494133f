import Foundation
import TestSupport
import Testing

/// What a user sees when something is wrong: one clear line, exit status 1, and no wait.
@Suite("Command line errors", .serialized)
struct ErrorTests {
    private func temporary(_ body: (String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func expectFailure(_ arguments: [String], _ fragments: String...) throws {
        let start = ContinuousClock.now
        let run = try CommandRun(arguments)
        #expect(run.status == 1, "\(arguments): \(run.error)")
        #expect(run.error.split(separator: "\n").count == 1, "\(run.error)")
        #expect(run.out.isEmpty)
        for fragment in fragments { #expect(run.error.contains(fragment), "'\(fragment)' in: \(run.error)") }
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func missingFile() throws { try expectFailure(["run", "missing.gguf", "-p", "x"], "missing.gguf") }

    @Test func textFileNamedGGUF() throws {
        try temporary { folder in
            try "just some text\n".write(toFile: "\(folder)/a.gguf", atomically: true, encoding: .utf8)
            try expectFailure(["run", "\(folder)/a.gguf", "-p", "x"], "a.gguf", "GGUF")
        }
    }

    private func copyOfModel(_ folder: String, _ change: (inout String) -> Void) throws -> String {
        let model = "\(folder)/model"
        try FileManager.default.copyItem(atPath: Fixtures.path("models/llama"), toPath: model)
        var config = try String(contentsOfFile: "\(model)/config.json", encoding: .utf8)
        change(&config)
        try config.write(toFile: "\(model)/config.json", atomically: true, encoding: .utf8)
        return model
    }

    /// Rewrites the JSON header of a safetensors file without moving the data.
    private func editHeader(_ path: String, _ change: (inout String) -> Void) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let length = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        var header = String(decoding: bytes[8..<(8 + length)], as: UTF8.self)
        change(&header)
        var text = Data(header.utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        var size = Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
        size.append(text)
        bytes.replaceSubrange(0..<(8 + length), with: size)
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    @Test func unknownModelType() throws {
        try temporary { folder in
            let model = try copyOfModel(folder) { $0 = $0.replacingOccurrences(of: "\"model_type\": \"llama\"", with: "\"model_type\": \"nosuch\"") }
            try expectFailure(["run", model, "-p", "x"], "nosuch", "config.json:", "known architectures")
        }
    }

    @Test func wrongShape() throws {
        try temporary { folder in
            let model = try copyOfModel(folder) { $0 = $0.replacingOccurrences(of: "\"intermediate_size\": 160", with: "\"intermediate_size\": 128") }
            try expectFailure(["generate-ids", model, "--tokens", "1", "--backend", "reference"], "160", "128", "mlp", "model.safetensors")
        }
    }

    @Test func missingTensor() throws {
        try temporary { folder in
            let model = try copyOfModel(folder) { _ in }
            try editHeader("\(model)/model.safetensors") { $0 = $0.replacingOccurrences(of: "model.layers.1.mlp.up_proj.weight", with: "model.layers.1.mlp.xx_proj.weight") }
            try expectFailure(["generate-ids", model, "--tokens", "1", "--backend", "reference"], "model.layers.1.mlp.up_proj.weight")
        }
    }

    @Test func unknownBackend() throws {
        try expectFailure(["generate-ids", Fixtures.path("models/llama"), "--tokens", "1", "--backend", "nosuch"], "nosuch", "reference")
    }

    @Test func unknownOption() throws {
        try expectFailure(
            ["generate-ids", Fixtures.path("models/llama"), "--tokens", "1", "--backend", "reference", "--set", "reference.nosuch=1"], "nosuch", "threads")
        try expectFailure(
            ["generate-ids", Fixtures.path("models/llama"), "--tokens", "1", "--backend", "reference", "--set", "nosuch.threads=1"], "nosuch")
    }

    @Test func tokenOutsideVocabulary() throws {
        try expectFailure(["generate-ids", Fixtures.path("models/llama"), "--tokens", "1,9999", "--backend", "reference"], "9999", "384")
    }

    @Test func fullContext() throws {
        try expectFailure(
            ["generate-ids", Fixtures.path("models/llama"), "--tokens", "1,2,3,4,5", "--context", "4", "--backend", "reference"], "context", "4")
    }

    @Test("mistakes on the command line exit 2", arguments: [["run"], ["nosuch"], ["run", "m", "-p", "x", "--fallback", "maybe"], ["bench", "m", "-p", "0"]])
    func usage(_ arguments: [String]) throws { #expect(try CommandRun(arguments).status == 2) }

    @Test func help() throws {
        let run = try CommandRun(["--help"])
        #expect(run.status == 0)
        for command in ["run", "chat", "logits", "generate-ids", "tokenize", "template", "inspect", "bench", "trace", "plan", "doctor", "backends", "plugin", "arch", "pull", "models", "synth"] {
            #expect(run.out.contains("  \(command) "), "\(command)")
        }
    }

    @Test("without the cpu plugin the rest works and says what is missing")
    func withoutCPU() throws {
        try temporary { folder in
            let files = FileManager.default
            for name in try files.contentsOfDirectory(atPath: Fixtures.products)
            where name.hasSuffix(".resources") || name == "libhadal-reference.so" {
                try files.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "\(Fixtures.products)/\(name)")
            }
            try files.copyItem(atPath: CommandRun.executable, toPath: "\(folder)/hadal")
            let model = Fixtures.path("models/llama")
            let cpu = try CommandRun(["generate-ids", model, "--tokens", "1", "-n", "2"], executable: "\(folder)/hadal")
            #expect(cpu.status == 1 && cpu.error.contains("libhadal-cpu.so"), "\(cpu.error)")
            let reference = try CommandRun(["generate-ids", model, "--tokens", "1", "-n", "2", "--backend", "reference"], executable: "\(folder)/hadal")
            #expect(reference.status == 0, "\(reference.error)")
        }
    }
}
